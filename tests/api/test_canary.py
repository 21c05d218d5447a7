"""Canaries over HTTP and as a command: two versions by a label, and what Argo and Flagger make of the answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from typer.testing import CliRunner
from typing_extensions import override

from app.api.gate.models import CanaryModel
from app.slo import Labels, SloId
from app.status import ContributorsInRange, ContributorsState
from tests.deploy.test_gate_integrations import DEPLOY, measured_by_argo
from tests.support.api import ListedContributors, Served, listening
from tests.support.cli import app
from tests.support.snapshots import AS_OF, a_snapshot

COUNTS = {"v1": (100_000.0, 20.0), "good": (10_000.0, 2.0), "bad": (10_000.0, 200.0), "new": (12.0, 1.0)}
"""All and bad events by version."""


@dataclass
class Versions(ListedContributors):
    """Events of versions; of another one Prometheus does not answer."""

    spans: list[timedelta] = field(default_factory=list)

    @override
    async def contributors(
        self, slo_id: SloId, start: datetime, end: datetime, *, by: Sequence[str], within: Labels
    ) -> ContributorsInRange | None:
        ((label, version),) = within
        self.spans.append(end - start)
        assert (label, by, end) == ("version", ("version",), AS_OF)
        if version not in COUNTS:
            state = ContributorsState.UNANSWERED
            return ContributorsInRange(state=state, start=start, end=end, by=by, problem="Prometheus is away")
        total, bad = COUNTS[version]
        return ContributorsInRange(state=ContributorsState.ANSWERED, start=start, end=end, by=by, bad=bad, total=total)


def served() -> Served:
    found = Served.with_snapshots(a_snapshot())
    found.contributors = Versions()
    return found


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with listening(served().app()) as address:
        yield address


def query(canary: str, slo: str = "checkout-availability") -> str:
    return f"slo={slo}&label=version&baseline=v1&canary={canary}"


def ask(text: str) -> Any:
    answer = TestClient(served().app()).get(f"/api/v1/canary?{text}")
    assert answer.status_code == 200, answer.text
    TypeAdapter(CanaryModel).validate_json(answer.content)
    return answer.json()["data"]


VERDICTS = [("good", "pass", 200), ("bad", "fail", 403), ("new", "inconclusive", 503), ("gone", "inconclusive", 503)]


@pytest.mark.parametrize(("canary", "verdict", "status"), VERDICTS)
def test_a_verdict_is_200_unless_the_status_is_asked_for(canary: str, verdict: str, status: int) -> None:
    data = ask(query(canary))
    assert (data["verdict"], data["ok"]) == (verdict, verdict == "pass")
    client = TestClient(served().app())
    assert client.get(f"/api/v1/canary?{query(canary)}&status_code=true").status_code == status


def test_the_answer_has_what_was_counted_and_what_could_have_been_found() -> None:
    data = ask(f"{query('bad')}&window=1h")
    assert data["canary"] == {"version": "bad", "total": 10_000, "bad": 200, "bad_ratio": 0.02}
    assert (data["from"], data["to"]) == ("2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z")
    assert data["p_value"] < 1e-100
    assert 0.0005 < data["detectable_ratio"] < 0.002
    assert ask(query("gone"))["reason"] == "Prometheus is away"


@pytest.mark.parametrize("text", ["", "slo=checkout-availability", query("v1"), query("good", slo="nothing")])
def test_what_cannot_be_compared_is_inconclusive(text: str) -> None:
    data = ask(text)
    assert (data["verdict"], data["p_value"]) == ("inconclusive", None)


@pytest.mark.parametrize(
    "text", ["window=3d", "window=x", "window=5m&from=2026-03-01T11:00:00Z", "from=2026-03-01T13:00:00Z"]
)
def test_a_range_that_cannot_be_is_refused(text: str) -> None:
    answer = TestClient(served().app()).get(f"/api/v1/canary?{query('good')}&{text}")
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("canary", "goes_on", "rolls_back"), [("good", 200, 403), ("bad", 403, 200), ("new", 503, 503)]
)
def test_flagger_rolls_back_only_a_canary_that_fails(canary: str, goes_on: int, rolls_back: int) -> None:
    client = TestClient(served().app())
    metadata = {"slo": "checkout-availability", "label": "version", "baseline": "v1", "canary": canary, "window": "10m"}
    given = {"name": "checkout", "namespace": "prod", "phase": "Progressing", "metadata": metadata}
    statuses = [
        client.post(f"/api/v1/canary/hooks/flagger{tail}", json=given).status_code for tail in ("", "?invert=true")
    ]
    assert statuses == [goes_on, rolls_back]


@pytest.mark.parametrize(("canary", "phase"), [("good", "Successful"), ("bad", "Failed"), ("new", "Inconclusive")])
def test_argo_rollouts_aborts_or_pauses(url: str, canary: str, phase: str) -> None:
    text = (DEPLOY / "argo-rollouts/analysis-template.yaml").read_text().replace("http://sloburn.sloburn.svc:9720", url)
    _, template = yaml.safe_load_all(text)
    given = {"slo": "checkout-availability", "baseline": "v1", "canary": canary}
    assert measured_by_argo(template, given) == phase


@pytest.mark.parametrize(("canary", "code"), [("good", 0), ("bad", 1), ("new", 2)])
def test_the_exit_code_is_the_verdict(url: str, canary: str, code: int) -> None:
    flags = ["--slo", "checkout-availability", "--label", "version", "--baseline", "v1", "--canary", canary]
    assert CliRunner().invoke(app, ["canary", "--url", url, *flags]).exit_code == code
    assert CliRunner().invoke(app, ["canary", "--url", url, *flags, "--window", "9d"]).exit_code == 3
    assert CliRunner().invoke(app, ["canary", "--url", url]).exit_code == 3
