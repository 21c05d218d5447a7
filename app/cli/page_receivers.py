"""Whether pages of every SLO reach a receiver, and another one while that does not accept them."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from app.alerting import Notification, NotificationStatus
from app.integrations import DeliveryConfig
from app.integrations.alertmanager.config import AlertmanagerTargets
from app.slo import Severity, Slo
from app.wording.samples import sample_alerts
from app.wording.sentences import listed
from app.yamldoc import HintFinding, WarningFinding

# More ids would hide the advice.
_MOST_NAMED = 3


def unrouted_page_warnings(config: DeliveryConfig, file: Path, slos: Sequence[Slo]) -> list[WarningFinding]:
    """A warning if there are receivers, but the routes name none for the pages of some SLOs."""
    pages = [(slo.id, page) for slo in slos if (page := _page(slo)) is not None]
    lost = [slo_id for slo_id, page in pages if not config.routing.receivers(page)]
    # Without any receiver those of the service may be a setting of its environment.
    if not lost or not config.receivers:
        return []
    return [
        WarningFinding(
            file=file,
            line=0,
            column=0,
            field="default",
            problem=f"no receiver is notified of pages of {listed(lost, _MOST_NAMED)}",
            remedy="name a receiver in default, or in a route with match: {severity: page}",
            code="page_without_receiver",
        )
    ]


def no_receiver_hints(config: DeliveryConfig, file: Path, slos: Sequence[Slo]) -> list[HintFinding]:
    """A hint if SLOs page, and no notification is sent to anybody."""
    if config.names or all(slo.alerting.policy(Severity.PAGE) is None for slo in slos):
        return []
    return [
        HintFinding(
            file=file,
            line=0,
            column=0,
            field="",
            problem="no Alertmanager and no receiver is set: alerts are shown, and no notification is sent",
            remedy="set SLOBURN_ALERTMANAGER_URLS, or write receivers",
            code="no_receiver",
        )
    ]


def fallback_hints(config: DeliveryConfig, file: Path, slos: Sequence[Slo]) -> list[HintFinding]:
    """A hint for each receiver without `fallback` that is the only one for pages of some SLOs.

    None for Alertmanagers: what they accept has receivers of its own.
    """
    only: defaultdict[str, list[str]] = defaultdict(list)
    for slo in slos:
        page = _page(slo)
        receivers = () if page is None else config.routing.receivers(page)
        if len(receivers) == 1:
            only[receivers[0]].append(slo.id)
    return [
        HintFinding(
            file=file,
            line=0,
            column=0,
            field=f"receivers[{number}]",
            problem=f"only {receiver.name} gets pages of {listed(only[receiver.name], _MOST_NAMED)}, "
            "and it has no fallback",
            remedy="add fallback and the name of another receiver, which gets pages that this one does not accept",
            code="page_without_fallback",
        )
        for number, receiver in enumerate(config.receivers)
        if receiver.name in only
        and receiver.name not in config.routing.fallbacks
        and not isinstance(receiver.target, AlertmanagerTargets)
    ]


def _page(slo: Slo) -> Notification | None:
    """A firing page of the SLO; None if it has no pages."""
    pages = (alert for _, alert in sample_alerts(slo) if alert.severity is Severity.PAGE)
    return next((page for page in pages if page.status is NotificationStatus.FIRING), None)
