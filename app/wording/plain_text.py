"""Text from outside made safe to show: no control characters or direction marks, and no longer than a limit."""

import re
import unicodedata

_KEPT_CONTROLS = "\n\t"
_INVISIBLE = frozenset({"Cf", "Cc", "Cs", "Zl", "Zp"})
# Format characters (Cf) that are drawn, such as the Arabic number sign; all others only change what is seen.
_DRAWN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
# All of Unicode's line ends, some of which forge a line in logs and mails.
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029\x0b\x0c\x85]")
_MARK = "…"


def visible(text: str) -> str:
    r"""The text without invisible characters: direction marks, zero-width characters, control characters.

    Lines and tabs stay. Half a surrogate pair, which no encoder takes, becomes U+FFFD.

    >>> visible("a\u202eb\u200bc\x07d")
    'abc d'
    """
    if text.isprintable():
        return text
    return "".join(map(_visible, _LINE_ENDS.sub("\n", text)))


def one_line(text: str) -> str:
    r"""The text as a single line, such as a header.

    >>> one_line("a\r\n\tb")
    'a b'
    """
    return " ".join(visible(text).split())


def shortened(text: str, most: int) -> str:
    """The text, cut to *most* characters with an ellipsis where it is longer.

    >>> shortened("abcdef", 4), shortened("abcd", 4)
    ('abc…', 'abcd')
    """
    return text if len(text) <= most else text[: most - 1].rstrip() + _MARK


def _visible(char: str) -> str:
    if char in _KEPT_CONTROLS or char in _DRAWN:
        return char
    category = unicodedata.category(char)
    if category not in _INVISIBLE:
        return char
    return {"Cf": "", "Cs": "\ufffd"}.get(category, " ")
