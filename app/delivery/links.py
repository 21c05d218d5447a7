"""The addresses that people find in a message: the page of the SLO, its runbook, its dashboard."""

from urllib.parse import quote, urlsplit

from app.alerting import Notice

_ANNOTATIONS = (("runbook_url", "Runbook"), ("dashboard", "Dashboard"))


def slo_page(external_url: str, notice: Notice) -> str:
    """Our page of the SLO."""
    return f"{external_url.rstrip('/')}/slos/{quote(notice.slo, safe='')}"


def links(external_url: str, notice: Notice) -> list[tuple[str, str]]:
    """What each address is called, and the address; annotations that are no addresses are left out."""
    own = dict(notice.annotations)
    named = [(text, own[name]) for name, text in _ANNOTATIONS if name in own and _is_address(own[name])]
    return [("SLO", slo_page(external_url, notice)), *named]


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and text.isprintable() and " " not in text
