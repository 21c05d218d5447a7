"""Letters as bytes that every mail server and reader takes: 7 bits, short lines, words encoded by RFC 2047.

Python's own folding of headers loses spaces between encoded words, makes words longer than 75 characters and begins a
subject with a line end; headers are written here, the body by the standard library.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.charset import QP, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32

from app.wording.plain_text import one_line

# RFC 2047: a line of a header with encoded words has 76 characters at most.
_LINE_CHARS = 76
_LINE_END = "\r\n"
_POLICY = compat32.clone(linesep=_LINE_END)
_MAILBOX = re.compile(r"\s*(?:(?P<name>.*?)\s*<(?P<inner>[^<>\s]+)>|(?P<plain>[^<>\s]+))\s*", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# A mailbox without quoted local parts and comments, which RFC 5321 allows and no provider gives out.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f.:IPv]+\]")
# RFC 5322: what a display name may hold without quotes.
_WORDS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
# Quoted-printable: readable in logs of mail servers, and no line longer than 76 characters.
_UTF8 = Charset("utf-8")
_UTF8.body_encoding = QP


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """Somebody who writes or is written to: an ASCII *address*, and the name that readers show, which may be empty."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """The part of the address after the ``@``."""
        return self.address.rpartition("@")[2]

    @property
    def header(self) -> str:
        """The mailbox as a header has it, folded."""
        if not self.name:
            return self.address
        phrase = _phrase(self.name)
        # A line with encoded words has 76 characters at most.
        return f"{phrase}{_LINE_END if '=?' in phrase else ''} <{self.address}>"


def parse_mailbox(text: str) -> Mailbox:
    r"""The mailbox in ``someone@example.org`` or ``Name <someone@example.org>``, the name in quotes or not.

    >>> parse_mailbox("Doe, John <john@example.org>").header
    '"Doe, John" <john@example.org>'

    Raises:
        ValueError: it is none.
    """
    match = _MAILBOX.fullmatch(text)
    local, _, domain = (match["inner"] or match["plain"] or "" if match else "").rpartition("@")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError(f"{text!r} has a domain that is none") from None
    if not match or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain) or not text.isprintable():
        raise ValueError(f"{text!r} is no address")
    name = match["name"] or ""
    quoted = _QUOTED.fullmatch(name)
    return Mailbox(address=f"{local}@{domain}", name=re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name)


def letter(headers: Mapping[str, str], *, plain: str, html: str) -> bytes:
    """A letter with two forms of its text; *headers* are written as they are."""
    body = MIMEMultipart("alternative", policy=_POLICY)
    body.attach(MIMEText(plain, "plain", _UTF8, policy=_POLICY))  # type: ignore[arg-type]  # typeshed wants a str
    body.attach(MIMEText(html, "html", _UTF8, policy=_POLICY))  # type: ignore[arg-type]
    head = "".join(f"{name}: {value}{_LINE_END}" for name, value in headers.items())
    return head.encode("ascii") + body.as_bytes()


def encoded_words(name: str, text: str) -> str:
    """Text as the value of the header *name*, folded; nothing in it is taken for an encoded word."""
    text = one_line(text)
    plain = text.isascii() and "=?" not in text
    return Header(text, "us-ascii" if plain else "utf-8", _LINE_CHARS, name).encode(linesep=_LINE_END)


def mailboxes(several: tuple[Mailbox, ...]) -> str:
    """Mailboxes as the value of a header, a line for each."""
    return f",{_LINE_END} ".join(mailbox.header for mailbox in several)


def _phrase(name: str) -> str:
    name = one_line(name)
    if not name.isascii() or "=?" in name:
        return Header(name, "utf-8", _LINE_CHARS, "From").encode(linesep=_LINE_END)
    if _WORDS.fullmatch(name):
        return name
    escaped = name.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
