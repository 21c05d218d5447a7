"""Texts of documents that are longer than any receiver shows: each alert has a copy of them for each of its receivers.

With megabytes of annotations an evaluation would write for minutes, and every page would wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from app.documents.dialect import PlacedSlo
from app.slo import Alerting, Slo
from app.yamldoc.findings import Findings

Texts = tuple[tuple[str, str], ...]
LONGEST_TEXT: Final = 8_192
"""Characters of an annotation or a description; what is longer is cut."""
LONGEST_TEXTS: Final = 65_536
"""Characters of all annotations together; those that are long are cut further."""
LONGEST_LABEL: Final = 1_024
"""Characters of a label's value. Labels say which alert it is, so that they are not cut."""
_MARK = "…"


def check_labels(placed: Iterable[PlacedSlo], findings: Findings) -> None:
    """Say which SLOs have labels that are too long."""
    for one in placed:
        slo = one.slo
        for name, value in (*slo.alert_labels, *(pair for policy in slo.alerting.policies for pair in policy.labels)):
            if len(value) > LONGEST_LABEL:
                problem = f"the label {name} of the SLO {slo.name} has {len(value)} characters"
                findings.error(one.place, problem, f"write at most {LONGEST_LABEL}, or make it an annotation")


def with_short_texts(slos: Iterable[Slo]) -> tuple[Slo, ...]:
    """The SLOs with no more text than is shown of them."""
    return tuple(_short(slo) for slo in slos)


def _short(slo: Slo) -> Slo:
    alerting, description = _short_alerting(slo.alerting), _cut(slo.description, LONGEST_TEXT)
    is_same = alerting is slo.alerting and description is slo.description
    return slo if is_same else replace(slo, alerting=alerting, description=description)


# Most SLOs share their alerting.
@lru_cache(maxsize=64)
def _short_alerting(alerting: Alerting) -> Alerting:
    texts = (alerting.annotations, *(policy.annotations for policy in alerting.policies))
    if max((sum(len(text) for _, text in each) for each in texts), default=0) <= LONGEST_TEXT:
        return alerting
    policies = tuple(replace(policy, annotations=_within(policy.annotations)) for policy in alerting.policies)
    return replace(alerting, annotations=_within(alerting.annotations), policies=policies)


def _within(annotations: Texts) -> Texts:
    """The annotations, of which the long ones share what the short ones leave."""
    shorter_first: Sequence[tuple[str, str]] = sorted(annotations, key=lambda each: len(each[1]))
    left, cut = LONGEST_TEXTS, {}
    for place, (name, text) in enumerate(shorter_first):
        cut[name] = _cut(text, min(LONGEST_TEXT, left // (len(shorter_first) - place)))
        left -= len(cut[name])
    return tuple((name, cut[name]) for name, _ in annotations)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + _MARK
