"""What is wrong with the templates in documents' annotations."""

from collections.abc import Iterator

from app.delivery.templates import TemplateProblemError, compile_template, is_template
from app.slo import Slo
from app.spec import LoadResult, Place, SpecWarning


def template_warnings(loaded: LoadResult) -> list[SpecWarning]:
    """One warning for each annotation that is a template and cannot be used, at the place of its SLO."""
    return [
        _warning(slo, name, problem, loaded.places[slo.id]) for slo in loaded.slos for name, problem in _problems(slo)
    ]


def _warning(slo: Slo, name: str, problem: str, place: Place) -> SpecWarning:
    return SpecWarning(
        file=place.file,
        line=place.line,
        column=place.column,
        field="",
        problem=f"{slo.id}: the template of {name} cannot be used: {problem}",
        remedy="see docs/receivers.md; until then the usual words are sent",
    )


def _problems(slo: Slo) -> Iterator[tuple[str, str]]:
    annotations: set[tuple[str, str]] = {*slo.alerting.annotations}
    for policy in slo.alerting.policies:
        annotations |= {*policy.annotations}
    for name, text in sorted(annotations):
        if is_template(text):
            try:
                compile_template(text)
            except TemplateProblemError as error:
                yield name, str(error)
