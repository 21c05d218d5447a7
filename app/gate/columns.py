"""What policies look at, of all SLOs, in columns: a question about 10,000 of them judges a handful (ADR-0109)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from app.gate.places import Places, SloPlaces
from app.gate.states import TRUSTED_DATA, PolicyStates, current_state
from app.policy import (
    BudgetPolicy,
    GateDecision,
    GateException,
    GateQuestion,
    RankedVerdicts,
    SloFacts,
    SloVerdict,
    StateOfSlo,
    fit_labels,
    judge_change,
    rank_of,
)
from app.slo import Severity
from app.status import DataState, HealthState, Snapshot, burn_now
from app.store.policies import StoredPolicyState

_WARNS = rank_of(GateDecision.WARN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A question, with all that is not of one SLO; *doubt* is why nothing is known of any."""

    question: GateQuestion
    exceptions: Sequence[GateException]
    doubt: str | None
    at: datetime


class PolicyColumns:
    """The policies and states of the SLOs of a content, and which of them are alike in all that policies look at."""

    def __init__(
        self,
        snapshots: Sequence[Snapshot],
        policies: Sequence[BudgetPolicy],
        states: PolicyStates,
        *,
        before: "PolicyColumns | None",
        at: datetime,
    ) -> None:
        self.snapshots = snapshots
        self._made_by = policies
        places = None if before is None else before.places
        self.places: SloPlaces = places if places is not None and places.are_of(snapshots) else SloPlaces(snapshots)
        self.policies = [states.policy_of(one, policies) for one in snapshots]
        known = _states_in(states.stored, snapshots)
        self.states = [
            current_state(one, policy, state, at=at)
            for one, policy, state in zip(snapshots, self.policies, known, strict=True)
        ]
        self._remaining = np.array([one.budget.remaining_ratio for one in snapshots], dtype=np.float64)
        self._since = np.array([math.nan if one is None else one.since.timestamp() for one in self.states])
        self._profiles, self._first_of_profile = self._profiled()
        worst_first = np.lexsort((self.places.by_name, self._remaining))
        self._rank = np.empty(len(snapshots), dtype=np.intp)
        self._rank[worst_first] = np.arange(len(snapshots))

    def are_of(self, snapshots: Sequence[Snapshot], policies: Sequence[BudgetPolicy]) -> bool:
        """Whether they were made of these."""
        return self.snapshots is snapshots and self._made_by is policies

    def are_in(self, stored: Mapping[str, StoredPolicyState]) -> bool:
        """Whether these are the states of the SLOs."""
        return self.states == _states_in(stored, self.snapshots)

    def judged(self, asking: Asking, places: Places) -> RankedVerdicts:
        """The verdicts about the SLOs at some places, the worst first."""
        if not len(places):
            return RankedVerdicts()
        places = places[np.argsort(self._rank[places])]
        ranks, excepted = self._decided(asking, places)
        # Stable: those of one decision stay in the order of their budgets.
        order = np.argsort(ranks, kind="stable")
        places, ranks, excepted = places[order], ranks[order], excepted[order]
        slos = _WorstFirst(self, asking, places)
        deciding = int(np.searchsorted(ranks, ranks[0], side="right"))
        first_excepted = np.flatnonzero(excepted >= 0)
        remaining = self._remaining[places]
        known = remaining[~np.isnan(remaining)]
        return RankedVerdicts(
            slos=slos,
            deciding=deciding,
            until=self._last_until(asking, places[:deciding], excepted[:deciding]),
            exception=slos[int(first_excepted[0])].exception if len(first_excepted) else None,
            remaining=float(known.min()) if len(known) else math.nan,
        )

    def verdict_at(self, place: int, asking: Asking) -> SloVerdict:
        """The verdict about one SLO."""
        return self._verdict(place, asking, asking.exceptions)

    def _decided(self, asking: Asking, places: Places) -> tuple[NDArray[np.int8], NDArray[np.intp]]:
        """The rank of the decision about each place, and the number of the exception that changed it, else -1."""
        profiles = self._profiles[places]
        of_profile = np.zeros(len(self._first_of_profile), dtype=np.int8)
        is_denied = np.zeros(len(of_profile), dtype=np.bool_)
        for profile in np.unique(profiles).tolist():
            decision = self._verdict(self._first_of_profile[profile], asking, ()).decision
            of_profile[profile], is_denied[profile] = rank_of(decision), not decision.ok
        ranks, excepted = of_profile[profiles], np.full(len(places), -1, dtype=np.intp)
        question = asking.question
        # An exception is about some SLOs, and changes only what is not allowed.
        denied = np.flatnonzero(is_denied[profiles])
        for number, exception in enumerate(asking.exceptions):
            if not exception.fits_change(question.environment, question.change):
                continue
            mine = denied[self.places.may_be_of(exception)[places[denied]]]
            own = [self.snapshots[place] for place in places[mine].tolist()]
            covered = [
                exception.covers(
                    slo=one.id, service=one.slo.service, environment=question.environment, change=question.change
                )
                for one in own
            ]
            excepted[mine[np.array(covered, dtype=np.bool_)]] = number
        ranks[excepted >= 0] = _WARNS
        return ranks, excepted

    def _last_until(self, asking: Asking, places: Places, excepted: NDArray[np.intp]) -> datetime | None:
        """When the last of them can change for the better; None if that of one is not known."""
        untils = []
        # Of a profile the state that began last lasts longest.
        kinds = np.stack((self._profiles[places], excepted))
        for profile, number in np.unique(kinds, axis=1).T.tolist():
            own = places[(kinds[0] == profile) & (kinds[1] == number)]
            since = np.nan_to_num(self._since[own], nan=-math.inf)
            until = self.verdict_at(int(own[np.argmax(since)]), asking).until
            if until is None:
                return None
            untils.append(until)
        return max(untils)

    def _profiled(self) -> tuple[NDArray[np.intp], list[int]]:
        """The profile of each SLO, all that a policy looks at, and the first SLO of each."""
        matching: dict[int, _LabelRules] = {}
        numbers: dict[tuple[object, ...], int] = {}
        firsts: list[int] = []
        profiles = np.empty(len(self.snapshots), dtype=np.intp)
        for place, (snapshot, policy, state) in enumerate(zip(self.snapshots, self.policies, self.states, strict=True)):
            rules = matching.get(id(policy))
            if rules is None:
                rules = matching[id(policy)] = _LabelRules(policy)
            profile = (
                id(policy),
                None if state is None else state.state,
                _doubt(snapshot) is None,
                _firing(snapshot),
                rules.matched(self.places.labels_at(place)) if rules.names else (),
            )
            number = numbers.setdefault(profile, len(firsts))
            if number == len(firsts):
                firsts.append(place)
            profiles[place] = number
        return profiles, firsts

    def _verdict(self, place: int, asking: Asking, exceptions: Sequence[GateException]) -> SloVerdict:
        snapshot, policy, state = self.snapshots[place], self.policies[place], self.states[place]
        facts = SloFacts(
            slo=snapshot.id,
            service=snapshot.slo.service,
            labels=(*snapshot.slo.labels, *snapshot.group),
            remaining=snapshot.budget.remaining_ratio,
            burn_rate=burn_now(snapshot),
            doubt=asking.doubt or _doubt(snapshot),
            firing=_firing(snapshot),
            state=state,
        )
        return judge_change(asking.question, facts, policy, exceptions=exceptions, at=asking.at)


class _LabelRules:
    """Which rules of a policy match labels, found once for each combination of values."""

    def __init__(self, policy: BudgetPolicy) -> None:
        self._rules = [rule for rule in policy.rules if rule.labels]
        self.names = tuple(dict.fromkeys(name for rule in self._rules for name, _ in rule.labels))
        self._known: dict[tuple[str, ...], tuple[bool, ...]] = {}

    def matched(self, labels: Mapping[str, str]) -> tuple[bool, ...]:
        values = tuple([labels.get(name, "") for name in self.names])
        found = self._known.get(values)
        if found is None:
            own = dict(zip(self.names, values, strict=True))
            found = tuple([fit_labels(rule.labels, own) for rule in self._rules])
            self._known[values] = found
        return found


class _WorstFirst(Sequence[SloVerdict]):
    """The verdicts about SLOs at some places; each is made when it is looked at: of 10,000 an answer shows fifty."""

    def __init__(self, columns: PolicyColumns, asking: Asking, places: Places) -> None:
        self._columns, self._asking, self._places = columns, asking, places

    @overload
    def __getitem__(self, place: int) -> SloVerdict: ...
    @overload
    def __getitem__(self, place: slice) -> "_WorstFirst": ...
    @override
    def __getitem__(self, place: int | slice) -> "SloVerdict | _WorstFirst":
        if isinstance(place, slice):
            return _WorstFirst(self._columns, self._asking, self._places[place])
        return self._columns.verdict_at(int(self._places[place]), self._asking)

    @override
    def __len__(self) -> int:
        return len(self._places)


def _states_in(stored: Mapping[str, StoredPolicyState], snapshots: Sequence[Snapshot]) -> list[StateOfSlo | None]:
    found = [stored.get(one.id) for one in snapshots]
    return [None if one is None else one.state for one in found]


def _firing(snapshot: Snapshot) -> frozenset[Severity]:
    return frozenset([alert.severity for alert in snapshot.alerts if alert.firing])


def _doubt(snapshot: Snapshot) -> str | None:
    """Why the budget of an SLO cannot be relied on; None if it can."""
    if snapshot.data not in TRUSTED_DATA:
        return f"its data is {snapshot.data}" + (f": {snapshot.problem}" if snapshot.problem else "")
    if math.isnan(snapshot.budget.remaining_ratio):
        return "there were no events in its window"
    if snapshot.health is HealthState.UNKNOWN and snapshot.data is DataState.FRESH:
        return f"its figures are doubtful: {snapshot.problem}" if snapshot.problem else "its budget is not known"
    return None
