"""How large the totals of days are that reports are made of: as evaluations write them, for years."""

import tempfile
import time
from pathlib import Path

from rich.table import Table

from app.store import open_database
from app.store.daily_totals import DailyTotal, save_daily_totals
from app.store.ledger import add_rows
from bench import harness

SERVED_SLIS = 10_000
AT_MOST_BYTES = 2_000_000_000
_DAY_S = 86_400
# 2026-01-01 00:00 UTC.
_FIRST_S = 1_767_225_600


def run(*, slis: int, years: float) -> bool:
    """Write the days of some SLIs, and print what 10,000 of them take; whether that is as little as it may be."""
    days = round(365.25 * years)
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder:
        file = Path(folder) / "days.db"
        database = open_database(f"sqlite:///{file}")
        try:
            with database.begin() as transaction:
                rows = add_rows(transaction, [(f"sli {number}", ()) for number in range(slis)])
            database_bytes = _bytes(folder)
            started = time.monotonic()
            # Day by day, as evaluations do: pages of the table are split as they are there.
            for day in range(days):
                with database.begin() as transaction:
                    start_s = _FIRST_S + day * _DAY_S
                    found = [DailyTotal(row, start_s, _DAY_S, 864_000.0 + row, 1.5 * row, 86_400.0) for row in rows]
                    save_daily_totals(transaction, found)
            seconds = time.monotonic() - started
        finally:
            database.close()
        taken = _bytes(folder) - database_bytes
    whole = taken / slis * SERVED_SLIS
    table = Table("SLIs", "days", "bytes a day", f"GB for {SERVED_SLIS:,} SLIs", "at most", "s to write")
    table.add_row(
        f"{slis:,}",
        f"{days:,}",
        f"{taken / slis / days:.1f}",
        f"{whole / 1e9:.2f}",
        f"{AT_MOST_BYTES / 1e9:.1f}",
        f"{seconds:.0f}",
    )
    harness.show(table)
    return whole <= AT_MOST_BYTES


def _bytes(folder: str) -> int:
    return sum(file.stat().st_size for file in Path(folder).iterdir())
