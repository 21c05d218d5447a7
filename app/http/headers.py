"""What the name and the value of a header may be."""

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def is_header_name(text: str) -> bool:
    """Whether the text can be the name of a header."""
    return _NAME.fullmatch(text) is not None


def is_header_value(text: str) -> bool:
    """Whether the text can be the value of a header: printable ASCII."""
    return text.isascii() and text.isprintable()
