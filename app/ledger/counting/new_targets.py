"""Is a counter new, or only new to us?

A target that was never seen before shows counters above zero at its first scrape. If its process has just started,
those events have just happened and count. If it has run for weeks and is merely scraped for the first time, they are
its past and must not count: as the events of one slot they would burn the budget of a month.

Nothing in a sample tells the two apart; what follows does. At the pace of the first five minutes, would the counter
have got where it was since the scrape before, had there been one? (ADR-0032)
"""

from dataclasses import dataclass

# A process may serve this long before its first scrape. Longer, and counting it would be further from the truth than
# `increase()` by more than one scrape's events if it proves old.
PATIENCE_SCRAPES = 1.5
# How often targets are scraped, where nothing shows it yet.
SCRAPE_S = 30.0
# A process that is known to have begun may be scraped so late for the first time: what it counted is placed at that
# scrape, and must not be the events of hours.
LATE_S = 330.0
# So few events say nothing about a pace.
NOISE_EVENTS = 10.0
# So few that the very first target of a row has counted may as well be new.
FIRST_NOISE_EVENTS = 3.0
# From so many events on, what followed tells a pace.
PACE_EVENTS = 5.0
# So many errors a new target among known targets may bring along from its start, however few follow.
START_ERRORS = 100.0
# An idle new target may bring along from its start what all of its row counts in so many scrapes.
START_SCRAPES = 3.0
# What a new target that has gone again may have done: a short-lived job.
JOB_EVENTS = 100_000.0
# A target that was silent for so long at the end of its hindsight has gone.
GONE_AFTER_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstScrape:
    """What is known of a new target: its first *value* and the events that *followed*, both of all events.

    *followed_for_s* is how long it was seen after its first scrape, *hindsight_s* how long it could have been. It is
    scraped every *scrape_s*, in which all of its row counts *row_events*. *bad_value* and *bad_followed_by* are of its
    bad events alone. *followed_pace* is what all of its counters counted after it, also beyond restarts, in events per
    second; None if it was seen once. *served_s* is how long before the first scrape its process began, as far as known.
    """

    value: float
    followed_by: float
    followed_for_s: float
    hindsight_s: float
    scrape_s: float
    row_events: float
    bad_value: float = 0.0
    bad_followed_by: float = 0.0
    followed_pace: float | None = None
    served_s: float | None = None


def is_new(first_scrape: FirstScrape, *, unseen_s: float) -> bool:
    """Whether the events of a new target's first scrape have just happened.

    *unseen_s* is how long its row had not been seen, NaN if never: a row that was seen before gets new targets from
    deployments, a row's very first target is as likely to be old.
    """
    first_of_row = unseen_s != unseen_s  # noqa: PLR0124  NaN
    noise = FIRST_NOISE_EVENTS if first_of_row else NOISE_EVENTS
    if first_scrape.value <= noise:
        return True
    if first_scrape.served_s is not None and not first_scrape.served_s <= max(
        LATE_S, 0.0 if first_of_row else unseen_s
    ):
        # It says itself that it is old: when it began, others of its row were seen.
        return False
    if first_scrape.followed_by >= PACE_EVENTS:
        pace = first_scrape.followed_by / first_scrape.followed_for_s
        patience_s = PATIENCE_SCRAPES * first_scrape.scrape_s + (0.0 if first_of_row else unseen_s)
        if first_scrape.served_s is not None and first_scrape.served_s <= LATE_S and not first_of_row:
            patience_s = max(patience_s, PATIENCE_SCRAPES * first_scrape.served_s)
        # Errors have a pace of their own: a process that is old by its errors is old. Not so behind an outage, in which
        # an incident may have begun and ended.
        bad_noise = FIRST_NOISE_EVENTS if first_of_row else START_ERRORS
        bad_pace = max(first_scrape.bad_followed_by, PACE_EVENTS) / first_scrape.followed_for_s
        return first_scrape.value <= max(
            noise + pace * patience_s, 0.0 if first_of_row else first_scrape.row_events
        ) and (unseen_s > LATE_S or first_scrape.bad_value <= bad_noise + bad_pace * patience_s)
    if first_of_row:
        return False
    gone = first_scrape.hindsight_s - first_scrape.followed_for_s >= GONE_AFTER_S
    return first_scrape.value <= (JOB_EVENTS if gone else max(START_ERRORS, START_SCRAPES * first_scrape.row_events))
