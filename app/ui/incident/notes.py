"""Notes of people: Markdown rendered without any markup of their own."""

from functools import lru_cache

from markdown_it import MarkdownIt
from markupsafe import Markup

# Below the headings of the page.
_HEADINGS_FROM = 3
_SMALLEST_HEADING = 6
# HTML in a note is text, and a picture would be asked from another host. Links to scripts are refused by the parser.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])


# A page is refreshed after each evaluation, and its notes rarely change.
@lru_cache(maxsize=256)
def rendered_note(text: str) -> Markup:
    """A note as HTML."""
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + _HEADINGS_FROM, _SMALLEST_HEADING)}"
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("rel", "noreferrer nofollow")
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))  # noqa: S704  html is off
