"""Documents of every tool as OpenSLO: the same SLOs as far as OpenSLO can say them, and what it cannot is said."""

from pathlib import Path

import pytest

from app.documents import Defaults, load_documents
from app.documents.conversion import Target, convert_documents
from app.documents.load import read_texts
from app.slo import Slo, SloId
from tests.documents.conversion.sets import KINDS, SETS
from tests.support.golden import assert_golden

PLAIN = """\
service: plain
labels: {team: search}
slos:
  - {name: counters, objective: 99.9, window: 30d, sli: {total: a_total, bad: 'a_total{code=~"5.."}'}}
  - {name: groups, objective: 99.95, window: 28d, sli: {total: 2 * a_total + b_total, good: c_total}, by: [route, code]}
  - name: latency
    objective: 99
    window: {calendar: month, timezone: Europe/Berlin}
    sli: &sli {histogram: h_seconds, threshold: 1s}
  - {name: minutes, objective: 99, window: 90m, sli: *sli, time_slices: {length: 5m, target: 95}}
  - name: ratios
    objective: 99
    window: {calendar: week, every: 2, start: "2026-01-03 12:00"}
    sli: *sli
    time_slices: {length: 1m}
  - {name: up, objective: 99, window: 7d, sli: {gauge: up}}
  - {name: lag, objective: 99, window: 7d, sli: {gauge: lag, good_when: "< 0.3"}}
  - {name: disks, objective: 99, window: 7d, sli: {gauge: free, good_when: "> 9"}, by: [disk]}
  - {name: pods, objective: 99, window: 7d, sli: {gauge: {total: wanted, bad: missing}}}
  - {name: samples, objective: 99, window: 7d, sli: {total: 'count_over_time(a[w])', bad: 'sum_over_time(b[w])'}}
  - {name: recorded, objective: 99, window: 7d, sli: {bad_ratio: 'avg(errors:ratio)', every: 1m}}
  - {name: quick, objective: 99, window: 7d, sli: {expression: max(lag), good_when: "<= 10", every: 1m}}
  - name: rules
    objective: 99.9
    window: 30d
    sli: *sli
    override_labels: {slo: another}
    alerting:
      page: {override_labels: {severity: critical}, for: 2m}
      ticket: {tiers: [{long: 2h, short: 10m, factor: 3, for: 1h}, {long: 3d, short: 6h, factor: 1, for: 3h}]}
"""


def _reread(*paths: Path) -> tuple[dict[SloId, Slo], set[str]]:
    """The SLOs of the converted documents, and the ids of those that are said not to be the same."""
    converted = convert_documents(*paths, defaults=Defaults(), target=Target.OPENSLO)
    found = read_texts({Path(f"{i}.yaml"): file.text for i, file in enumerate(converted.files)})
    assert found.findings.errors == ()
    lost = {loss.subject for loss in converted.losses}
    return {placed.slo.id: placed.slo for placed in found.placed}, lost


def test_what_openslo_can_say_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN)
    slos, lost = _reread(tmp_path)
    assert lost == set()
    assert slos == {slo.id: slo for slo in load_documents(tmp_path).slos}


_COMPOSITE = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: journey}
spec:
  service: shop
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - {displayName: search, target: 0.99, compositeWeight: 2, indicator: {spec: {ratioMetric: {counter: true, bad: &bad
        {metricSource: {type: Prometheus, spec: {query: 'a_total{code="500"}'}}}, total: &total
        {metricSource: {type: Prometheus, spec: {query: a_total}}}}}}}
    - {target: 0.95, indicator: {spec: {ratioMetric: {counter: true, bad: *bad, total: *total}}}}
"""


def test_a_composite_of_its_own_objectives_is_written_with_them(tmp_path: Path) -> None:
    (tmp_path / "composite.yaml").write_text(_COMPOSITE)
    slos, lost = _reread(tmp_path)
    assert lost == set()
    assert sorted(slos) == ["journey", "journey-2", "journey-search"]
    assert slos == {slo.id: slo for slo in load_documents(tmp_path).slos}


@pytest.mark.parametrize("paths", SETS.values(), ids=SETS)
def test_whatever_is_not_the_same_is_said(paths: list[Path]) -> None:
    slos, lost = _reread(*paths)
    before = {slo.id: slo for slo in load_documents(*paths).slos}
    changed = {slo_id for slo_id, slo in before.items() if slo != slos.get(slo_id)}
    # A weight that differs in its last digit has the same key, and so the same history.
    assert {slo_id for slo_id in changed - lost if before[slo_id].sli.key != slos[slo_id].sli.key} == set()
    assert lost <= changed


def test_the_objects_are_what_was_reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`UPDATE_GOLDEN=1 pytest tests/documents/conversion` writes them again."""
    monkeypatch.chdir(KINDS.parent)
    converted = convert_documents(Path(KINDS.name), defaults=Defaults(), target=Target.OPENSLO)
    assert_golden("convert-to-openslo.yaml", "".join(file.text for file in converted.files))
