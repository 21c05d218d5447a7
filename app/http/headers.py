"""What the name and the value of a header may be."""

import re

_OF_EVERY_REQUEST = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "idempotency-key",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
"""Set by the client itself: a second one beside it would make most servers refuse the request."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_header_name(text: str) -> bool:
    """Whether the text can be the name of a header."""
    return _NAME.fullmatch(text) is not None


def is_header_value(text: str) -> bool:
    """Whether the text can be the value of a header: printable ASCII."""
    return text.isascii() and text.isprintable()


def is_settable_header(name: str) -> bool:
    """Whether a configuration may set the header: it is not one that every request has anyway."""
    return name.lower() not in _OF_EVERY_REQUEST
