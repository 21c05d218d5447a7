"""Text from outside inside Markdown: shown as it is."""

import re

from app.wording.plain_text import one_line

# What CommonMark lets a backslash escape and what begins a construct in the middle of a line or at its start.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def as_markdown(text: str) -> str:
    r"""The text on one line, so that nothing in it is markup.

    >>> as_markdown("a_b <c>\n# d")
    'a\\_b \\<c\\> \\# d'
    """
    return _SPECIAL.sub(r"\\\1", one_line(text))
