"""ADR-0032: at which figures the events of a new target's first scrape count, rule by rule, to the event."""

from dataclasses import replace

import pytest

from app.ledger import FirstScrape
from app.ledger.counting.new_targets import is_new

NEVER = float("nan")
SILENT = FirstScrape(value=0.0, followed_by=0.0, followed_for_s=300.0, hindsight_s=300.0, scrape_s=30.0, row_events=0.0)
BUSY = replace(SILENT, followed_by=100.0, followed_for_s=100.0)
"""An event a second, so that it takes as many seconds to get to a value as that has events."""
SLOW = replace(SILENT, followed_by=5.0, followed_for_s=100.0)


def most(scrape: FirstScrape, *, unseen_s: float, errors: bool = False) -> float:
    """The most events at the first scrape that count, to a hundredth; of its bad events, where all of it is small."""

    def counts(value: float) -> bool:
        at = replace(scrape, bad_value=value) if errors else replace(scrape, value=value)
        return is_new(at, unseen_s=unseen_s)

    low, high = 0, 100_000_000
    assert counts(0.0)
    assert not counts(high / 100)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if counts(middle / 100) else (low, middle)
    return low / 100


@pytest.mark.parametrize(
    ("scrape", "unseen_s", "events"),
    [
        # Nothing followed: so few may as well be new, on a row that was never seen; on others errors from its start do.
        (SILENT, NEVER, 3.0),
        (SILENT, 60.0, 100.0),
        (replace(SILENT, row_events=50.0), 60.0, 150.0),
        (replace(SILENT, row_events=20.0), 60.0, 100.0),
        # It has gone again: a job. Not so if hindsight ends too soon to tell.
        (replace(SILENT, hindsight_s=390.0), 60.0, 100_000.0),
        (replace(SILENT, hindsight_s=389.9), 60.0, 100.0),
        (replace(SILENT, hindsight_s=390.0), NEVER, 3.0),
        # Fewer events than tell a pace are as none; from five on, one scrape and a half of them.
        (replace(SLOW, followed_by=4.9), NEVER, 3.0),
        (replace(SLOW, followed_by=4.9, hindsight_s=100.0), 60.0, 100.0),
        (SLOW, NEVER, 5.25),
        (BUSY, NEVER, 48.0),
        (replace(BUSY, scrape_s=60.0), NEVER, 93.0),
        (replace(BUSY, row_events=1_000.0), NEVER, 48.0),
        # On a row that was seen, also what came while it was not, or what all of the row counts in a scrape.
        (BUSY, 60.0, 115.0),
        (replace(BUSY, row_events=200.0), 60.0, 200.0),
        (replace(BUSY, row_events=100.0), 60.0, 115.0),
        # A process that says when it began may be late for its first scrape, but not older than its row's absence.
        (replace(BUSY, served_s=200.0), 60.0, 310.0),
        (replace(BUSY, served_s=60.0), 60.0, 115.0),
        (replace(BUSY, served_s=330.0), 60.0, 505.0),
        (replace(BUSY, served_s=330.1), 60.0, 10.0),
        (replace(BUSY, served_s=400.0), 400.0, 455.0),
        (replace(BUSY, served_s=400.1), 400.0, 10.0),
        (replace(BUSY, served_s=200.0), NEVER, 48.0),
        (replace(BUSY, served_s=330.0), NEVER, 48.0),
        (replace(BUSY, served_s=330.1), NEVER, 3.0),
        (replace(SILENT, served_s=330.0), 60.0, 100.0),
    ],
)
def test_so_many_events_count(scrape: FirstScrape, unseen_s: float, events: float) -> None:
    assert most(scrape, unseen_s=unseen_s) == events


@pytest.mark.parametrize(
    ("scrape", "unseen_s", "errors"),
    [
        # Errors have a pace of their own, of which five are the least that tells one.
        (replace(BUSY, value=48.0), NEVER, 5.25),
        (replace(BUSY, value=48.0, bad_followed_by=4.0), NEVER, 5.25),
        (replace(BUSY, value=48.0, bad_followed_by=10.0), NEVER, 7.5),
        (replace(BUSY, value=48.0, bad_followed_by=10.0, followed_for_s=200.0), NEVER, NEVER),
        (replace(BUSY, value=115.0), 60.0, 105.25),
        (replace(BUSY, value=115.0, bad_followed_by=20.0), 60.0, 121.0),
        (replace(BUSY, value=385.0), 330.0, 118.75),
    ],
)
def test_so_many_errors_count(scrape: FirstScrape, unseen_s: float, errors: float) -> None:
    if errors != errors:  # noqa: PLR0124  NaN: not even without errors
        assert not is_new(scrape, unseen_s=unseen_s)
    else:
        assert most(scrape, unseen_s=unseen_s, errors=True) == errors


def test_behind_an_outage_any_errors_count() -> None:
    """An incident may have begun and ended in it."""
    assert is_new(replace(BUSY, value=386.0, bad_value=386.0), unseen_s=331.0)
    assert not is_new(replace(BUSY, value=386.1, bad_value=0.0), unseen_s=331.0)
