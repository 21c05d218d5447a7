"""From what is asked for over HTTP, or in a form, to the plan of a backtest."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.documents import ProposedRules, read_proposed_rules
from app.replay.backtest import LONGEST_SPAN, USUAL_DETECTION, USUAL_PRECISION, USUAL_SPAN, BacktestQuestion
from app.replay.history.history_reader import HistoryDetail
from app.replay.history.ledger_history import HistorySource
from app.replay.incidents.files import LabelledIncident, read_given_incidents
from app.replay.incidents.marked import MOST_MARKED, marked_filter, marked_incidents
from app.replay.jobs import BacktestJobs
from app.replay.running import BacktestPlan
from app.reports import WORTH_A_PAGE
from app.slo import Slo, find_time_zone
from app.status import Board, IncidentLog
from app.yamldoc import ErrorFinding


class InvalidBacktestError(Exception):
    """A backtest cannot be as it was asked for; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtests:
    """The backtests of the service, and what plans are made of."""

    jobs: BacktestJobs
    board: Board
    incidents: IncidentLog
    interval_s: int
    now: Callable[[], datetime]


def plan_of(given: Mapping[str, Any], backtests: Backtests) -> BacktestPlan:
    """The plan of a backtest.

    What *given* may have is `app.api.backtests.models.NewBacktestModel`; ``policy`` may be the text of a file, too.

    Raises:
        InvalidBacktestError: it cannot be.
    """
    documents = tuple({snapshot.slo.id: snapshot.slo for snapshot in backtests.board.current.snapshots}.values())
    until = given.get("to", backtests.now())
    since = given.get("from", until - USUAL_SPAN)
    if since.tzinfo is None or until.tzinfo is None:
        raise InvalidBacktestError("from and to must have an offset, such as Z")
    if not since < until <= since + LONGEST_SPAN:
        raise InvalidBacktestError("from must be before to, at most a year")
    labelled = _labelled(given, backtests, since.astimezone(UTC), until.astimezone(UTC))
    return BacktestPlan(
        slos=_wanted(documents, given.get("slos", [])),
        documents=documents,
        question=BacktestQuestion(
            start=since.astimezone(UTC),
            end=until.astimezone(UTC),
            timezone=_zone(given.get("timezone", "UTC")),
            found_share=given.get("found_share", WORTH_A_PAGE),
            with_others=given.get("with_others", True),
            suggests=given.get("suggest", False),
            wanted_precision=given.get("wanted_precision", USUAL_PRECISION),
            wanted_detection=timedelta(seconds=given.get("wanted_detection_seconds", USUAL_DETECTION.total_seconds())),
        ),
        interval_s=backtests.interval_s,
        proposed=_proposed(given.get("policy")),
        labelled=labelled,
        are_complete=not given.get("marks", False),
        detail=given.get("detail", HistoryDetail.AUTO),
        source=given.get("source", HistorySource.AUTO),
    )


def _wanted(documents: Sequence[Slo], ids: Sequence[str]) -> tuple[Slo, ...]:
    known = {str(slo.id): slo for slo in documents}
    unknown = [one for one in ids if one not in known]
    if unknown:
        raise InvalidBacktestError(f"no SLO has the id {unknown[0]!r}")
    if not documents:
        raise InvalidBacktestError("there are no SLOs yet")
    return tuple(known[one] for one in dict.fromkeys(ids)) or tuple(documents)


def _zone(name: str) -> str:
    if find_time_zone(name) is None:
        raise InvalidBacktestError(f"{name!r} is not a time zone: write a name such as Europe/Berlin")
    return name


def _proposed(policy: Mapping[str, Any] | str | None) -> tuple[ProposedRules, ...]:
    if policy is None:
        return ()
    # JSON is YAML: what is wrong is found, and said, as in a document.
    text = policy if isinstance(policy, str) else json.dumps({"alerting": policy})
    found = read_proposed_rules(text, Path("policy"), name="proposed")
    if isinstance(found, ProposedRules):
        return (found,)
    raise InvalidBacktestError(f"policy: {found[0].named_text}")


def _labelled(
    given: Mapping[str, Any], backtests: Backtests, since: datetime, until: datetime
) -> tuple[LabelledIncident, ...] | None:
    incidents = given.get("incidents")
    if given.get("marks", False):
        if incidents is not None:
            raise InvalidBacktestError("incidents and marks exclude each other")
        past = backtests.incidents.listed(marked_filter(since, until), limit=MOST_MARKED)
        return marked_incidents(past, until=until)
    if incidents is None:
        return None
    found = read_given_incidents(incidents, Path("incidents"))
    wrong = next((one for one in found if isinstance(one, ErrorFinding)), None)
    if wrong is not None:
        raise InvalidBacktestError(f"incidents, item {wrong.line}: {wrong.named_text}")
    return tuple(one for one in found if isinstance(one, LabelledIncident))
