"""A run that may be killed at any moment: ticks a database through a stretch of the past, as fast as it can.

    python counting_run.py PROMETHEUS_URL SPECS DATABASE START END

Ends by printing, for every row and width, the events that the database holds. Started again, it goes on.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.clock import SystemClock
from app.documents import load_documents
from app.evaluation import EvaluationTiming, Evaluator
from app.metrics import BuildInfo, Instruments
from app.prometheus import HttpConfig, open_client
from app.status import Board
from app.store import open_database

INTERVAL = timedelta(seconds=30)
Counts = dict[str, list[float]]
"""Good and bad events and coverage, by SLO and window."""


async def run(url: str, specs: str, database_path: str, start: int, end: int) -> None:
    progress = Path(database_path + ".progress")
    database = open_database(f"sqlite:///{database_path}")
    board = Board()
    async with open_client(HttpConfig(url=url), clock=SystemClock()) as client:
        evaluator = Evaluator(
            load_documents(Path(specs)).slos,
            source=client,
            database=database,
            board=board,
            instruments=Instruments(build=BuildInfo.current()),
            timing=EvaluationTiming(interval=INTERVAL, settle=timedelta(minutes=5), timeout=timedelta(seconds=20)),
        )
        at = datetime.fromtimestamp(_reached(progress, start), UTC)
        while at < datetime.fromtimestamp(end, UTC):
            at += INTERVAL
            await evaluator.evaluate(at)
            await evaluator.backfill(at)
            # Behind the commit: after a kill between the two, the slot is ticked again, as a late tick would be.
            # What a failing disk leaves in memory is not there for a process that goes on from here.
            if evaluator.store_problem is None:
                _note(progress, at)
        while await evaluator.backfill(at):
            pass
    database.close()
    windows = {
        f"{snapshot.id} {view.window}": [view.good, view.bad, view.coverage]
        for snapshot in board.snapshots
        for view in snapshot.windows
    }
    sys.stdout.write(json.dumps(windows, sort_keys=True) + "\n")


def differences(found: Counts, wanted: Counts) -> dict[str, tuple[object, object]]:
    """Where two runs disagree by more than a millionth of the events, or a thousandth of the time."""
    assert found.keys() == wanted.keys()
    return {
        key: (found[key], (good, bad, coverage))
        for key, (good, bad, coverage) in wanted.items()
        if abs(found[key][0] - good) > 1e-6 * max(1.0, good)
        or abs(found[key][1] - bad) > 1e-6 * max(1.0, bad)
        or abs(found[key][2] - coverage) > 1e-3
    }


def _reached(progress: Path, start: int) -> int:
    return int(progress.read_text()) if progress.exists() else start


def _note(progress: Path, at: datetime) -> None:
    beside = progress.with_suffix(".new")
    beside.write_text(str(int(at.timestamp())))
    beside.replace(progress)


def main() -> None:
    """Run what the command line says."""
    asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))


if __name__ == "__main__":
    main()
