"""What of an SLO is not the same once it has been written and read again."""

from collections.abc import Iterator
from dataclasses import fields, replace

from app.documents.conversion.parts import SloPart
from app.sli import Composite
from app.slo import Alerting, Severity, SeverityPolicy, Slo

_PARTS = {
    "id": SloPart.NAME,
    "service": SloPart.SERVICE,
    "name": SloPart.NAME,
    "description": SloPart.DESCRIPTION,
    "objective": SloPart.OBJECTIVE,
    "sla": SloPart.OBJECTIVE,
    "window": SloPart.WINDOW,
    "sli": SloPart.SLI,
    "labels": SloPart.LABELS,
}


def differences(one: Slo, other: Slo) -> Iterator[tuple[SloPart | None, str]]:
    """The parts in which two SLOs differ, each with the field, such as ``alerting.page.labels``."""
    for field in _differing(_without_components(one), _without_components(other)):
        if field == "sli" and not isinstance(one.sli, Composite) and one.sli.key == other.sli.key:
            # One history: a weight differs in its last digit.
            continue
        if field == "alerting":
            yield from ((SloPart.ALERTING, f"alerting.{name}") for name in _of_alerting(one.alerting, other.alerting))
        else:
            yield _PARTS.get(field), field


def _of_alerting(one: Alerting, other: Alerting) -> Iterator[str]:
    for field in _differing(one, other):
        if field == "policies":
            for severity in Severity:
                yield from _of_policies(str(severity), one.policy(severity), other.policy(severity))
        else:
            yield field


def _of_policies(severity: str, one: SeverityPolicy | None, other: SeverityPolicy | None) -> Iterator[str]:
    if one is None or other is None:
        if one is not other:
            yield severity
    else:
        yield from (f"{severity}.{field}" for field in _differing(one, other))


def _differing(one: Slo | Alerting | SeverityPolicy, other: Slo | Alerting | SeverityPolicy) -> list[str]:
    return [field.name for field in fields(one) if getattr(one, field.name) != getattr(other, field.name)]


def _without_components(slo: Slo) -> Slo:
    """The SLO; a composite without the SLIs of its components, which are SLOs of their own."""
    return replace(slo, sli=slo.sli.unresolved) if isinstance(slo.sli, Composite) else slo
