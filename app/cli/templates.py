"""What is wrong with the templates of documents and receivers, tried with sample alerts."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from app.documents import LoadResult
from app.integrations import DeliveryConfig
from app.slo import Slo
from app.wording.annotations import template_problems
from app.wording.samples import sample_alerts
from app.wording.templates import Templates, is_template
from app.yamldoc import WarningFinding

_REMEDY = "see docs/receivers.md; until then the default text is sent"


def template_warnings(loaded: LoadResult) -> list[WarningFinding]:
    """One warning for each annotation whose template fails for a sample alert, at the place of its SLO."""
    return [
        _warning(slo, name, problem, loaded)
        for slo in loaded.slos
        if any(is_template(text) for _, text in _annotations(slo))
        for name, problem in _problems(slo, Templates())
    ]


def receiver_template_warnings(config: DeliveryConfig, file: Path, slos: Sequence[Slo]) -> list[WarningFinding]:
    """One warning for each template of a receiver that fails for a sample alert of any of the SLOs."""
    found = []
    for number, receiver in enumerate(config.receivers):
        problems: dict[str, str] = {}
        for slo in _of_each_kind(slos) if receiver.templates != Templates() else ():
            for name, problem in _problems(slo, receiver.templates, without_own=True):
                problems.setdefault(name, f"{problem} of {slo.id}")
        found += [
            WarningFinding(
                file=file,
                line=0,
                column=0,
                field=f"receivers[{number}].templates.{name}",
                problem=f"the template of {receiver.name} cannot be used: {problem}",
                remedy=_REMEDY,
                code="template_fails",
            )
            for name, problem in problems.items()
        ]
    return found


def _warning(slo: Slo, name: str, problem: str, loaded: LoadResult) -> WarningFinding:
    place = loaded.places[slo.id]
    return WarningFinding(
        file=place.file,
        line=place.line,
        column=place.column,
        field="",
        problem=f"the template of {name} cannot be used: {problem}",
        remedy=_REMEDY,
        code="template_fails",
        subject=slo.id,
    )


def _annotations(slo: Slo) -> tuple[tuple[str, str], ...]:
    return (*slo.alerting.annotations, *(pair for policy in slo.alerting.policies for pair in policy.annotations))


def _of_each_kind(slos: Sequence[Slo]) -> list[Slo]:
    """One SLO of each kind that a receiver's template can tell apart: by its labels, groups and own texts."""
    kinds = {
        (
            tuple(name for name, _ in slo.alert_labels),
            tuple((policy.severity, tuple(name for name, _ in policy.labels)) for policy in slo.alerting.policies),
            slo.sli.by,
            _annotations(slo),
        ): slo
        for slo in reversed(slos)
    }
    return list(kinds.values())[::-1]


def _problems(slo: Slo, templates: Templates, *, without_own: bool = False) -> Iterator[tuple[str, str]]:
    """The first failure of each template; *without_own* leaves out those of the document itself."""
    seen: set[str] = set()
    for kind, alert in sample_alerts(slo):
        own = template_problems(alert) if without_own else {}
        for name, problem in template_problems(alert, templates).items():
            if name not in seen and own.get(name) != problem:
                seen.add(name)
                yield name, f"{problem}, for {kind}"
