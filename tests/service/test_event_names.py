"""Names of events in the log: each line of ours has one, and documents list them."""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
import structlog

from app.alerting import TransitionKind
from app.service.logs import configure_logging
from app.service.logs.event_names import EVENT_NAMES
from app.settings import LogFormat, LogLevel

ROOT = Path(__file__).parents[2]
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}


@cache
def calls() -> Sequence[tuple[str, str | None, str | None]]:
    """The level of each call of a logger of ours, its sentence and the name that it gives; None for computed ones."""
    return tuple(_calls())


def _calls() -> Iterator[tuple[str, str | None, str | None]]:
    texts = (file.read_text() for file in (ROOT / "app").rglob("*.py"))
    for text in texts:
        for node in ast.walk(ast.parse(text)) if "log." in text else ():
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"_log", "log"}
                and node.func.attr in LEVELS
            ):
                named = next((one.value for one in node.keywords if one.arg == "event_name"), None)
                yield LEVELS[node.func.attr], _literal(node.args[0]), "" if named is None else _literal(named)


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def test_every_sentence_has_a_name_and_every_name_a_sentence() -> None:
    sentences = {sentence for _, sentence, _ in calls() if sentence is not None}
    assert sentences == set(EVENT_NAMES)
    assert len(set(EVENT_NAMES.values())) == len(EVENT_NAMES)
    # An event whose sentence is computed says its name itself.
    assert [call for call in calls() if call[1] is None and call[2] == ""] == []


def test_the_docs_list_every_event_with_its_level() -> None:
    listed = set(re.findall(r"^\| `([a-z_.]+)` \| (\w+) \|", (ROOT / "docs/logs.md").read_text(), re.MULTILINE))
    named = {(EVENT_NAMES[sentence], level) for level, sentence, _ in calls() if sentence is not None}
    own = {(name, level) for level, _, name in calls() if name}
    alerts = {(f"alert.{kind}", "info") for kind in TransitionKind}
    assert listed == named | own | alerts


@pytest.mark.parametrize("log_format", LogFormat)
def test_machines_get_the_name_and_people_the_sentence(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format, LogLevel.INFO)
    try:
        structlog.get_logger("x").info("notified", receiver="chat")
        structlog.get_logger("x").info("alert fired", event_name="alert.fired")
    finally:
        structlog.reset_defaults()
    lines = capsys.readouterr().err.splitlines()
    if log_format is LogFormat.JSON:
        assert [json.loads(line)["event_name"] for line in lines] == ["delivery.notified", "alert.fired"]
        assert json.loads(lines[0])["receiver"] == "chat"
    else:
        assert ["event_name" in line for line in lines] == [False, False]
