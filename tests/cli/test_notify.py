import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.store.dead_letters import DeadLetter
from testbed.servers import Sink, alertmanager
from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.scripted_server import Reply, Scripted

CANARY = "canary-88d1"


def notify(*args: str | Path, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, ["notify", *map(str, args)], env=env or {})


def _config(folder: Path, url: str) -> Path:
    (folder / "url").write_text(f"{url}/services/{CANARY}")
    file = folder / "sloburn.yaml"
    file.write_text("receivers: [{name: chat, slack: {webhook_url_file: url}}]\n")
    return file


def test_a_receiver_that_works_is_told_twice(tmp_path: Path) -> None:
    with Scripted() as server:
        result = notify("test", "chat", "--config", _config(tmp_path, server.url))
        assert result.stdout == "chat: firing: delivered\nchat: resolved: delivered\n"
        assert result.exit_code == 0
        assert "A test of this receiver" in server.bodies[0]["text"]


def test_a_receiver_that_refuses_is_told_of_without_its_secret(tmp_path: Path) -> None:
    with Scripted(otherwise=Reply(status=404, body=f"no /services/{CANARY}".encode())) as server:
        result = notify("test", "chat", "--config", _config(tmp_path, server.url))
    assert result.exit_code == 1
    assert "chat: firing: refused for good: 404 no /" in result.stdout
    assert CANARY not in result.output


def test_a_real_alertmanager_takes_the_test_and_tells_people_even_if_it_waits_first() -> None:
    """A test that ended at once would be over before Alertmanager tells anybody."""
    with Sink() as people, alertmanager(people.url, group_wait="2s") as server:
        result = notify("test", "alertmanager", env={"SLOBURN_ALERTMANAGER_URLS": server.url})
        people.wait_for(lambda sink: bool(sink.alerts_with("firing", slo="sloburn-test")))
    assert result.exit_code == 0
    assert result.stdout.startswith("alertmanager: firing: accepted; that does not mean delivered")
    assert "resolved" not in result.stdout


def test_a_name_that_nobody_has_is_a_mistake(tmp_path: Path) -> None:
    file = _config(tmp_path, "http://127.0.0.1:1")
    result = notify("test", "caht", "--config", file)
    assert result.exit_code == 2
    assert f"there is no receiver caht; receivers are: chat; use one of them, or add it to {file}" in result.stderr
    assert "SLOBURN_ALERTMANAGER_URLS" not in result.stderr


def test_the_setting_that_makes_the_receiver_alertmanager_is_named_where_it_is_missing() -> None:
    result = notify("test", "alertmanager")
    assert result.exit_code == 2
    assert (
        "there is no receiver alertmanager; there are none: set SLOBURN_ALERTMANAGER_URLS, or add it" in result.stderr
    )


def test_a_configuration_with_errors_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "sloburn.yaml"
    file.write_text("receivers: [{name: a}]")
    result = notify("test", "a", "--config", file)
    assert result.exit_code == 2
    assert "sloburn.yaml:1:13" in result.stderr


@pytest.fixture
def served() -> Iterator[tuple[Served, str]]:
    served = Served(token="right")  # noqa: S106  # of no service
    at = datetime(2026, 3, 1, tzinfo=UTC)
    served.deliveries.given = [
        DeadLetter(
            id=7,
            receiver="chat",
            alert_key="checkout/page",
            status="firing",
            created_at=at,
            ended_at=at,
            attempts=1,
            error="404 no_service",
        )
    ]
    with listening(served.app()) as url:
        yield served, url


def test_what_was_given_up_is_listed_for_people_and_machines(served: tuple[Served, str]) -> None:
    _, url = served
    text = notify("dead", "--url", url)
    assert text.stdout == "7  2026-03-01T00:00:00Z  chat  checkout/page  firing  404 no_service\n"
    assert json.loads(notify("dead", "--url", url, "--format", "json").stdout)["items"][0]["id"] == 7


def test_it_is_retried_with_the_token(served: tuple[Served, str], tmp_path: Path) -> None:
    fakes, url = served
    assert "401" in notify("retry", "7", "--url", url, env={"SLOBURN_API_TOKEN": "wrong"}).stderr
    (tmp_path / "token").write_text("right\n")
    result = notify("retry", "7", "--url", url, "--token-file", tmp_path / "token")
    assert (result.exit_code, result.stdout) == (0, "7 is tried again\n")
    assert fakes.deliveries.retried == [7]
    gone = notify("retry", "8", "--url", url, "--token-file", tmp_path / "token")
    assert gone.exit_code == 1
    assert "nothing with the id 8 was given up" in gone.stderr


def test_check_covers_receivers_and_templates(tmp_path: Path) -> None:
    (tmp_path / "slos.yaml").write_text(
        "service: shop\nslos:\n  - name: a\n    objective: 99.9\n    window: 30d\n"
        "    sli: {total: t, bad: b}\n    alerting: {annotations: {summary: '{{ nope }}'}}\n"
    )
    (tmp_path / "sloburn.yaml").write_text("receivers: [{name: a}]")
    arguments = ["check", str(tmp_path / "slos.yaml"), "--config", str(tmp_path / "sloburn.yaml")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "receivers[0]: names no service" in result.stderr
    assert "shop-a: the template of summary cannot be used: there is no nope" in result.stderr
    assert CliRunner().invoke(app, arguments[:2]).exit_code == 0


@pytest.mark.parametrize("tickets", ["", ", ticket: off"])
def test_check_tries_every_template_with_sample_alerts(tmp_path: Path, tickets: str) -> None:
    """Data may be missing of every SLO, also of one that has no tickets for its burn rate."""
    (tmp_path / "slos.yaml").write_text(
        "service: shop\nslos:\n  - name: a\n    objective: 99.9\n    window: 30d\n    sli: {total: t, bad: b}\n"
        "    alerting: {annotations: {summary: '{{ summary | truncate(2) }}', description: '{{ bad | number }}'}"
        f"{tickets}}}\n"
    )
    (tmp_path / "sloburn.yaml").write_text(
        "receivers: [{name: a, webhook: {url: 'http://x'}, templates: {summary: '{{ labels.nope.x }}'}}]"
    )
    result = CliRunner().invoke(
        app, ["check", str(tmp_path / "slos.yaml"), "--config", str(tmp_path / "sloburn.yaml"), "--strict"]
    )
    assert result.exit_code == 3
    assert "shop-a: the template of summary cannot be used: AssertionError" in result.stderr
    assert "shop-a: the template of description cannot be used" in result.stderr
    assert "for a ticket for missing data" in result.stderr
    assert "receivers[0].templates.summary: the template of a cannot be used" in result.stderr
