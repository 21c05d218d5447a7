"""Top contributors: which label values most of an incident's errors share, and how much of the traffic they are.

Prometheus is asked between evaluations, and no page waits for it (ADR-0031). An SLO whose short window burns is asked
about before its alert fires, so that most pages have the answer with them; the others get it with what follows.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations

from app.alerting import Notification, NotificationStatus
from app.evaluation.figures.members import Member
from app.ingest.ports import Source
from app.prometheus import BadQueryError, Matrix, PrometheusError
from app.promql.selector_text import quote
from app.sli import counted_terms
from app.slo import GroupKey, MatchOp, Severity, Sli, SloId, Weights

FOUND_WITHIN_S = 5.0
"""A sixth of a slot of 30 s, so that the answer is there before the next evaluation wants the connections."""
# SLOs in one round; an outage of everything must not become a flood of questions.
_MOST_ASKED = 4
# Queries under way, so that evaluations always find connections free.
_AT_ONCE = 2
# More do not fit into the first lines of a page on a phone.
_MOST_NAMED = 3
# Share of the errors below which a value contributes too little to be named.
_LEAST_SHARE = 0.3
# How much larger its share of the errors must be than its share of the traffic.
_LEAST_LIFT = 0.05
# Of a value's errors that a combination must keep to say more than the value alone.
_KEPT_SHARE = 0.9
# Every series has them: the metric's name and the bucket say nothing about a cause.
SILENT_LABELS = frozenset({"__name__", "le"})
# While an incident goes on its contributors change by minutes, and each query reads its whole window.
_ASKED_AGAIN = timedelta(minutes=1)
# An older answer may be of another incident.
_FRESH = timedelta(minutes=5)
# The shortest window of the default rules: with less, a scrape interval of a minute leaves too few samples.
_SHORTEST = timedelta(minutes=5)

Values = tuple[tuple[str, str], ...]
"""Label values that events have in common: pairs of label and value, sorted."""
Series = Sequence[tuple[Mapping[str, str], float]]
"""Labels and events."""


@dataclass(frozen=True, slots=True)
class TopContributor:
    """A label value, or a combination of some, with its shares of the errors and of the traffic."""

    values: Values
    share_of_errors: float
    share_of_traffic: float

    @property
    def lift(self) -> float:
        """How much more of the errors it has than of the traffic."""
        return self.share_of_errors - self.share_of_traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributorQuery:
    """What to ask of one SLO or group member: its SLI and how far back its errors go.

    Of a composite nothing is asked: *shares* are those of its components in what was bad.
    """

    slo: SloId
    sli: Sli
    group: GroupKey
    window: timedelta
    shares: Mapping[str, float] | None = None


@dataclass(slots=True)
class ContributorQueries:
    """What is to be asked, and what was answered lately; for one event loop.

    *source_of* is what is asked about an SLI.
    """

    source_of: Callable[[Sli], Source]
    _wanted: dict[SloId, ContributorQuery] = field(default_factory=dict)
    _asked_at: dict[SloId, datetime] = field(default_factory=dict)
    _found: dict[SloId, tuple[datetime, str]] = field(default_factory=dict)

    def want(self, inquiries: Iterable[ContributorQuery], at: datetime) -> None:
        """Ask about these SLOs next, the most urgent first, unless they were asked about a moment ago."""
        self._asked_at = {slo: asked for slo, asked in self._asked_at.items() if at - asked < _ASKED_AGAIN}
        self._found = {slo: found for slo, found in self._found.items() if at - found[0] <= _FRESH}
        due = (inquiry for inquiry in inquiries if inquiry.slo not in self._asked_at)
        self._wanted = {}
        for inquiry in due:
            if len(self._wanted) == _MOST_ASKED:
                break
            self._wanted.setdefault(inquiry.slo, inquiry)

    def known(self, notifications: Sequence[Notification]) -> dict[str, str]:
        """By the key of its alert, what is known already of those that begin to fire."""
        return {
            notification.key: self._found[notification.slo][1]
            for notification in notifications
            if notification.status is NotificationStatus.FIRING
            and notification.long
            and notification.slo in self._found
        }

    async def ask(self, at: datetime, *, deadline_s: float = FOUND_WITHIN_S) -> dict[SloId, str]:
        """Ask what is wanted; the texts of those that were answered and have contributors that stand out.

        *deadline_s* is of each query, and no longer than the source's own timeout, which counts against Prometheus.
        """
        wanted, self._wanted = list(self._wanted.values()), {}
        self._asked_at |= {inquiry.slo: at for inquiry in wanted}
        room = asyncio.Semaphore(_AT_ONCE)
        sources = [self.source_of(inquiry.sli) for inquiry in wanted]
        texts = await asyncio.gather(
            *(_text_of(inquiry, source, at, deadline_s, room) for inquiry, source in zip(wanted, sources, strict=True))
        )
        found = {inquiry.slo: text for inquiry, text in zip(wanted, texts, strict=True) if text}
        self._found |= {slo: (at, text) for slo, text in found.items()}
        return found


def contributor_queries(
    young: Sequence[Notification],
    burning: Iterable[Member],
    member_of: Callable[[SloId], Member | None],
    shares_of: Callable[[Member, timedelta], Mapping[str, float] | None] = lambda _member, _window: None,
) -> Iterator[ContributorQuery]:
    """What to ask about: *young* alerts that fire without, pages first; then members whose short windows burn.

    *shares_of* has the shares of the components of a composite in what was bad, None for others.
    """
    unexplained = [notification for notification in young if notification.long and not notification.top_contributors]
    for notification in sorted(unexplained, key=lambda notification: notification.severity is not Severity.PAGE):
        member = member_of(notification.slo)
        if member is not None:
            # What was before the incident only dilutes its shares.
            window = (
                _SHORTEST
                if notification.first_bad_at is None
                else max(notification.at - notification.first_bad_at, _SHORTEST)
            )
            yield _query_of(member, window, shares_of)
    for member in burning:
        yield _query_of(member, _SHORTEST, shares_of)


def _query_of(
    member: Member, window: timedelta, shares_of: Callable[[Member, timedelta], Mapping[str, float] | None]
) -> ContributorQuery:
    return ContributorQuery(
        slo=member.id, sli=member.slo.sli, group=member.group, window=window, shares=shares_of(member, window)
    )


def top_contributors(bad: Series, total: Series, *, leave_out: Collection[str] = ()) -> list[TopContributor]:
    """The values that stand out, those that explain most first; at most one of each label, or a combination of some.

    A combination is named in place of its values where it has nearly all of their errors and clearly less of their
    traffic. Labels to *leave_out* are not looked at.
    """
    all_errors, all_events = sum(events for _, events in bad), sum(events for _, events in total)
    if all_errors <= 0:
        return []
    silent = SILENT_LABELS | set(leave_out)
    often = [
        value
        for value, errors in sums_of_values(
            bad, lambda labels: ((pair,) for pair in labels.items() if pair[0] not in silent)
        ).items()
        if errors / all_errors >= _LEAST_SHARE
    ]
    # Only values that are frequent alone can be frequent together, so that few combinations are counted.
    frequent = {pair for (pair,) in often}

    def sets_of(labels: Mapping[str, str]) -> Iterator[Values]:
        own = sorted(pair for pair in labels.items() if pair in frequent)
        return (chosen for size in (1, 2) for chosen in combinations(own, size))

    errors, events = sums_of_values(bad, sets_of), sums_of_values(total, sets_of)
    every = [
        TopContributor(values, count / all_errors, events.get(values, 0.0) / all_events if all_events > 0 else 0.0)
        for values, count in errors.items()
    ]
    standing_out = [one for one in every if one.share_of_errors >= _LEAST_SHARE and one.lift >= _LEAST_LIFT]
    shares = {one.values: one for one in every}
    telling = [one for one in standing_out if _says_more(one, shares)]
    named: list[TopContributor] = []
    for one in sorted(telling, key=lambda one: (-round(one.lift, 6), len(one.values), one.values)):
        labels = {label for label, _ in one.values}
        if not any(labels & {label for label, _ in other.values} for other in named):
            named.append(one)
    return named[:_MOST_NAMED]


def words(found: Sequence[TopContributor]) -> str:
    """The contributors as people read them.

    >>> words([TopContributor((("route", "/pay"),), 0.82, 0.09)])
    'route="/pay": 82% of the errors, 9% of the traffic'
    >>> words([TopContributor((("route", "/pay"), ("version", "2")), 0.8, 0.004)])
    'route="/pay" with version="2": 80% of the errors, 0.4% of the traffic'
    """
    return "; ".join(
        f"{' with '.join(f'{label}={quote(value[:100])}' for label, value in one.values)}: "
        f"{_percent(one.share_of_errors)} of the errors, {_percent(one.share_of_traffic)} of the traffic"
        for one in found
    )


def words_of_components(shares: Mapping[str, float]) -> str:
    """The components of a composite that most of what was bad is of, as people read them.

    >>> words_of_components({"cart-availability": 0.1, "pay-availability": 0.9})
    'pay-availability: 90% of what was bad'
    """
    named = sorted(((share, name) for name, share in shares.items() if share >= _LEAST_SHARE), reverse=True)
    return "; ".join(f"{name}: {_percent(share)} of what was bad" for share, name in named[:_MOST_NAMED])


def _says_more(one: TopContributor, shares: Mapping[Values, TopContributor]) -> bool:
    """Whether a combination says more than each of its values alone."""
    parts = [shares[(value,)] for value in one.values] if len(one.values) > 1 else []
    return all(
        one.share_of_errors >= _KEPT_SHARE * part.share_of_errors and one.lift >= part.lift + _LEAST_LIFT
        for part in parts
    )


def sums_of_values(series: Series, sets_of: Callable[[Mapping[str, str]], Iterable[Values]]) -> Mapping[Values, float]:
    """The events of each value, or combination of values, that *sets_of* finds in the labels of a series."""
    sums: defaultdict[Values, float] = defaultdict(float)
    for labels, events in series:
        for values in sets_of(labels):
            sums[values] += events
    return sums


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%" if share >= 0.01 or share == 0 else f"{share * 100:.1g}%"  # noqa: PLR2004  1 %


async def _text_of(
    inquiry: ContributorQuery, source: Source, at: datetime, deadline_s: float, room: asyncio.Semaphore
) -> str:
    if inquiry.shares is not None:
        return words_of_components(inquiry.shares)

    async def ask(query: str) -> Series:
        # The client's own deadline comes later: a timeout there would count against Prometheus, for a question that
        # no evaluation needs, and its circuit breaker would keep evaluations from asking.
        async with room, asyncio.timeout(deadline_s):
            return events_of_series(await source.instant(query, at, deadline=2 * deadline_s))

    try:
        weighted = await events_by_query(inquiry.sli, inquiry.group, inquiry.window, ask)
    except (TimeoutError, PrometheusError):
        return ""
    if not weighted:
        return ""
    deciding = deciding_labels(inquiry.sli)
    leave_out = deciding | chosen_labels(inquiry.sli) | set(dict(inquiry.group))
    found = await asyncio.to_thread(_found, weighted, deciding, leave_out)
    return words(found)


def deciding_labels(sli: Sli) -> frozenset[str]:
    """The labels that make an event bad, or good: they explain nothing about it."""
    each = [frozenset(term.selector.matchers) for term in counted_terms(sli)]
    common = frozenset.intersection(*each)
    return frozenset(matcher.label for matchers in each for matcher in matchers - common)


def chosen_labels(sli: Sli) -> frozenset[str]:
    """The labels that have the same value in all events, since the SLI selects it."""
    return frozenset(
        matcher.label for matcher in counted_terms(sli)[0].selector.matchers if matcher.op is MatchOp.EQUAL
    )


async def events_by_query(
    sli: Sli, group: GroupKey, window: timedelta, ask: Callable[[str], Awaitable[Series]]
) -> list[tuple[Weights, Series]]:
    """The events of the series of each query of an SLI, with their weights."""
    with_native = sli.including_native()
    try:
        queries = with_native.event_queries(group, window)
        return [(weights, await ask(query)) for query, weights in queries]
    except BadQueryError:
        if with_native is sli:
            raise
    # The server has no native histograms.
    return [(weights, await ask(query)) for query, weights in sli.event_queries(group, window)]


def events_of_series(vector: Matrix) -> Series:
    """The series of an instant vector, each with its events."""
    # An instant vector has one sample for each series, unless that was not a number and left out.
    if len(vector.values) != len(vector.labels):
        return ()
    return [(labels, max(events, 0.0)) for labels, events in zip(vector.labels, vector.values.tolist(), strict=True)]


def _found(
    weighted: Sequence[tuple[Weights, Series]], fixed: Collection[str], leave_out: Collection[str]
) -> list[TopContributor]:
    """The contributors, from the events of the series of each query, and their weights."""
    bad, total = bad_and_total(weighted, fixed)
    return top_contributors(bad, total, leave_out=leave_out)


def bad_and_total(weighted: Sequence[tuple[Weights, Series]], fixed: Collection[str]) -> tuple[Series, Series]:
    """Bad and all events by the labels that do not make them good or bad, from the events of each query."""
    bad = _weighted_sum(((weights.bad, series) for weights, series in weighted), fixed)
    total = _weighted_sum(((weights.total, series) for weights, series in weighted), fixed)
    return bad, total


def _weighted_sum(weighted: Iterable[tuple[float, Series]], fixed: Collection[str]) -> Series:
    """Events by the labels that do not make them good or bad, never less than none."""
    silent = SILENT_LABELS | set(fixed)
    counts: defaultdict[Values, float] = defaultdict(float)
    for weight, series in weighted:
        if weight:
            for labels, events in series:
                counts[tuple(sorted(pair for pair in labels.items() if pair[0] not in silent))] += weight * events
    return [(dict(values), max(events, 0.0)) for values, events in counts.items()]
