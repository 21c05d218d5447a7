"""The form of an API token: `slb_`, 32 random characters, and a checksum of 6.

Secret scanners find it by its prefix, a double click selects all of it, and the checksum tells a typing error from a
token that was revoked without a look at any database.
Source: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/
"""

import hashlib
import re
import secrets
import string
import zlib

TOKEN_PREFIX = "slb_"  # noqa: S105  what every token begins with
# 190 bits: no dictionary and no guessing reaches it, so that a fast hash is enough to store it by.
_RANDOM_CHARS = 32
_CHECKSUM_CHARS = 6
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHAPE = re.compile(rf"{TOKEN_PREFIX}[0-9A-Za-z]{{{_RANDOM_CHARS + _CHECKSUM_CHARS}}}", re.ASCII)
# Of the random characters: enough to find the token of a leak in a list, too few to guess the rest.
_HINT_CHARS = 4
# Also of one that is cut short: more than the hint is shown of none.
_SECRET = re.compile(rf"({TOKEN_PREFIX}[0-9A-Za-z]{{{_HINT_CHARS}}})[0-9A-Za-z]+", re.ASCII)


def new_token() -> str:
    """A token that no other has."""
    body = TOKEN_PREFIX + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_CHARS))
    return body + _checksum(body)


def is_token_shaped(text: str) -> bool:
    """Whether a text is meant to be an API token: it begins like one."""
    return text.startswith(TOKEN_PREFIX)


def is_well_formed(token: str) -> bool:
    """Whether the form and the checksum of a token are right; what is mistyped or cut short is not."""
    return _SHAPE.fullmatch(token) is not None and _checksum(token[:-_CHECKSUM_CHARS]) == token[-_CHECKSUM_CHARS:]


def hide_tokens(text: str) -> str:
    """A text without the secret of any token in it: people send them in paths, and as ids of what is to be revoked.

    >>> hide_tokens(f"there is nothing at /slos/slb_{38 * 'A'}")
    'there is nothing at /slos/slb_AAAA...'
    """
    return _SECRET.sub(lambda found: f"{found[1]}...", text) if TOKEN_PREFIX in text else text


def token_digest(token: str) -> str:
    """What a token is stored as and found by: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_hint(token: str) -> str:
    """The beginning of a token, by which people tell it from others."""
    return token[: len(TOKEN_PREFIX) + _HINT_CHARS]


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECKSUM_CHARS):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
