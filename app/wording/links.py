"""The addresses that people find in a message: the page of the SLO, its runbook, its dashboard."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from app.alerting import Notification

_ANNOTATIONS = (("runbook_url", "Runbook"), ("dashboard", "Dashboard"))
# Longer URLs are cut or refused by browsers, proxies and chat clients.
_LONGEST = 2_048


def page_of(external_url: str, slo: str) -> str:
    """Our page of the SLO with an id."""
    return f"{external_url.rstrip('/')}/slos/{quote(slo, safe='')}"


def slo_page(external_url: str, notification: Notification) -> str:
    """Our page of the SLO."""
    return page_of(external_url, notification.slo)


def links(external_url: str, notification: Notification, said: Mapping[str, str]) -> list[tuple[str, str]]:
    """What each address is called, and the address; annotations *said* that are no addresses are left out."""
    return [("SLO", slo_page(external_url, notification)), *elsewhere(said)]


def elsewhere(said: Mapping[str, str]) -> list[tuple[str, str]]:
    """The addresses of others among annotations: what each is called, and the address."""
    return [(text, said[name]) for name, text in _ANNOTATIONS if name in said and is_link(said[name])]


def is_link(text: str) -> bool:
    """Whether the text is one http or https address, no longer than servers and browsers take."""
    if len(text) > _LONGEST:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and text.isprintable() and " " not in text
