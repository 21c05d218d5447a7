"""The addresses that people find in a message: the pages of the incident and the SLO, its runbook, its dashboard."""

import json
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from app.alerting import Notification, sent_labels
from app.slo import Cause

_ANNOTATIONS = (("runbook_url", "Runbook"), ("dashboard", "Dashboard"))
# Longer URLs are cut or refused by browsers, proxies and chat clients.
_LONGEST = 2_048


def page_of(external_url: str, slo: str) -> str:
    """Our page of the SLO with an id."""
    return f"{external_url.rstrip('/')}/slos/{quote(slo, safe='')}"


def incident_page(external_url: str, incident: str) -> str:
    """Our page of an incident: what links in notifications lead to, while it lasts and years later."""
    return f"{external_url.rstrip('/')}/incidents/{quote(incident, safe='')}"


def change_page(external_url: str, change: str) -> str:
    """Our page of a deploy or another change."""
    return f"{external_url.rstrip('/')}/events/{quote(change, safe='')}"


def page_for(external_url: str, notification: Notification) -> str:
    """Our page of what a notification is about: its incident; of a policy the SLO, of break-glass the first page."""
    if notification.cause is not Cause.POLICY:
        return incident_page(external_url, notification.incident)
    return page_of(external_url, notification.slo) if notification.window else external_url


def links(external_url: str, notification: Notification, said: Mapping[str, str]) -> list[tuple[str, str]]:
    """What each address is called, and the address; annotations *said* that are no addresses are left out."""
    if notification.cause is Cause.POLICY:
        return [
            ("SLO" if notification.window else "Sloburn", page_for(external_url, notification)),
            *elsewhere(said),
        ]
    return [
        ("Incident", incident_page(external_url, notification.incident)),
        ("SLO", page_of(external_url, notification.slo)),
        *elsewhere(said),
    ]


def silence_link(alertmanager_url: str, notification: Notification) -> str:
    """The page of an Alertmanager on which a silence of this alert is made, filled in.

    Where all labels would be too long for a URL, those that make the alert what it is are enough.

    Source: https://github.com/prometheus/alertmanager/blob/main/ui/app/src/Views/SilenceForm/Parsing.elm
    """
    labels = sent_labels(notification)
    link = _new_silence(alertmanager_url, labels)
    if len(link) > _LONGEST:
        identity = ("alertname", "slo", "severity")
        link = _new_silence(alertmanager_url, {name: labels[name] for name in identity if name in labels})
    return link


def silence_of_slo(alertmanager_url: str, slo: str) -> str:
    """The page of an Alertmanager on which a silence of all alerts of an SLO, or of a member, is made, filled in."""
    return _new_silence(alertmanager_url, {"slo": slo})


def page_of_silence(alertmanager_url: str, silence: str) -> str:
    """The page of an Alertmanager on which people see a silence, prolong it or end it."""
    return f"{alertmanager_url.rstrip('/')}/#/silences/{quote(silence, safe='')}"


def elsewhere(said: Mapping[str, str]) -> list[tuple[str, str]]:
    """The addresses of others among annotations: what each is called, and the address."""
    return [(text, said[name]) for name, text in _ANNOTATIONS if name in said and is_link(said[name])]


def _new_silence(alertmanager_url: str, labels: Mapping[str, str]) -> str:
    # The form reads each value as a string of JSON: a tab as it is would leave the whole form empty.
    matchers = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(labels.items()))
    return f"{alertmanager_url.rstrip('/')}/#/silences/new?filter={quote(f'{{{matchers}}}', safe='')}"


def is_link(text: str) -> bool:
    """Whether the text is one http or https address, no longer than servers and browsers take."""
    if len(text) > _LONGEST:
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and text.isprintable() and " " not in text
