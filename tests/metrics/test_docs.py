import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parse_text

from app.metrics import RESERVED_LABELS, BuildInfo, Exposition, Instruments
from app.slo import Sla
from app.status import Board
from tests.support.changes import a_change
from tests.support.forecasts import an_outlook
from tests.support.snapshots import AS_OF, a_latency_slo, a_snapshot, an_slo

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
HEADER = re.compile(r"^# TYPE (slo\w+) (\w+)$", re.MULTILINE)
ROW = re.compile(r"^\| `(slo\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)
FREE_LABELS = {"team", "le", "route"}


def exposition() -> str:
    board = Board()
    slo = replace(an_slo(by=("route",)), sla=Sla(contract=0.995))
    latency = a_latency_slo()
    forecast = an_outlook(earliest=AS_OF + timedelta(days=9))
    member = a_snapshot(slo, group=(("route", "/pay"),), problem="no series match")
    board.publish([replace(member, forecast=forecast), a_snapshot(latency)])
    changes = [a_change(version="v42", started_at=AS_OF)]
    own = Instruments(build=BuildInfo.current())
    return Exposition(board, own, changes=lambda: changes).render().body.decode()


def test_the_docs_list_exactly_the_metrics_that_there_are() -> None:
    documented = {(name, kind) for name, kind, _ in ROW.findall(DOCS.read_text())}

    assert documented == set(HEADER.findall(exposition()))


def test_the_docs_list_the_labels_that_get_a_prefix() -> None:
    (paragraph,) = re.findall(r"^A group's label gets the prefix.*?: `by:", DOCS.read_text(), re.MULTILINE | re.DOTALL)

    assert set(re.findall(r"`(\w+)`", paragraph)) - {"exported_"} == RESERVED_LABELS


def test_the_docs_name_the_labels_of_every_slo_metric() -> None:
    documented = {
        name: set(re.findall(r"`(\w+)`", labels.replace("`good`, `bad`", "").replace("`page`, `ticket`", "")))
        for name, _, labels in ROW.findall(DOCS.read_text())
        if name.startswith("slo_")
    }

    samples = [sample for family in parse_text(exposition()) for sample in family.samples]
    labels = {sample.name: set(sample.labels) - FREE_LABELS for sample in samples if sample.name in documented}
    of_service = {"slo_last_change_timestamp_seconds"}
    assert labels == {
        name: own if name in of_service else own | {"slo", "slo_service", "slo_name"}
        for name, own in documented.items()
    }
