"""The HTTP application over fakes that obey its ports."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, routing
from fastapi.dependencies import models, utils
from fastapi.telemetry import TelemetryConfig
from pydantic.fields import FieldInfo
from typing_extensions import override

from app.access import Access, AccessRules, SignedTokens
from app.alerting import Transition
from app.api import AlertLog, ApiData, History, Stream, Timeline, create_app
from app.api.timeline import reports as timeline_reports
from app.budget.forecast import NoForecast, Outlook
from app.gate import Gate
from app.metrics import BuildInfo, Exposition, Instruments
from app.policy import BudgetPolicy
from app.remote_write import RemoteWriteStatus
from app.replay import BacktestJobs, BacktestPlan, Backtests, RunningBacktest
from app.slo import Labels, SloId, Tenant, Tenants, tenant_of
from app.status import (
    Board,
    BudgetCost,
    ConfigSource,
    ConfigStatus,
    Contributors,
    ContributorShare,
    ContributorsInRange,
    ContributorsState,
    DaySummary,
    DeliveryLog,
    HistoryPoint,
    Pasts,
    RangeMark,
    RangeMarkKind,
    RangeSeries,
    Readiness,
    ReceiverStatus,
    Reloader,
    ReloadOutcome,
    Snapshot,
    SourceStatus,
    StoredAudit,
    StoredSessions,
    StoredTokens,
)
from app.store import StoreError
from app.store.alerts import TransitionFilter
from app.store.dead_letters import DeadLetter
from tests.support.forecasts import an_outlook
from tests.support.incidents import KeptIncidents
from tests.support.set_clock import SetClock
from tests.support.snapshots import AS_OF

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class _Written:
    """A function as it is in the source: each application has its own, with other things around it."""

    code: object
    annotations: tuple[object, ...]
    defaults: object
    call: Callable[..., Any] = field(compare=False)

    @classmethod
    def of(cls, function: Any, call: Callable[..., Any]) -> "_Written":
        keywords = tuple((function.__kwdefaults__ or {}).items())
        annotations = tuple(_written(each) for each in function.__annotations__.items())
        return cls(function.__code__, annotations, (function.__defaults__, keywords), call)


def _written(annotation: tuple[str, Any]) -> object:
    """A parameter with its annotation: a `Query(min_length=1)` equals no other that is made in the same place."""
    of_it = getattr(annotation[1], "__metadata__", ())
    if not any(isinstance(each, FieldInfo) for each in of_it):
        return annotation
    return (annotation[0], annotation[1].__origin__, *(repr(each) for each in of_it))


def _made_once(make: Callable[..., _Answer]) -> Callable[..., _Answer]:
    """*make*, which is not asked again for what it has been asked for lately, unless that has no hash."""
    known = lru_cache(maxsize=1_024, typed=True)(make)

    def answer(*args: Any, **kwargs: Any) -> _Answer:
        try:
            return known(*args, **kwargs)
        except TypeError:
            return make(*args, **kwargs)

    return answer


# What FastAPI finds out of functions and types is the same in every application of a test, and takes two thirds of the
# time in which one is made.
_parameter_of = _made_once(utils.analyze_param)


def _by_what_is_written(find_out: Callable[[Callable[..., Any]], _Answer]) -> Callable[[Callable[..., Any]], _Answer]:
    """*find_out*, which answers the same for functions that are written in the same place."""
    known = _made_once(lambda written: find_out(written.call))

    def answer(call: Callable[..., Any]) -> _Answer:
        # Of an object that is called it is its class that is written, and a class has a signature of another kind.
        function = call if hasattr(call, "__code__") or isinstance(call, type) else type(call).__call__
        if not hasattr(function, "__code__") or hasattr(call, "__wrapped__"):
            return find_out(call)
        return known(_Written.of(function, call))

    return answer


def _of_the_same_kind(find_out: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """*find_out*, which is asked whether functions are coroutines or generators: as all from their code are."""
    known: dict[object, bool] = {}

    def answer(identity: Any) -> bool:
        call = identity.call
        if not isinstance(call, FunctionType) or hasattr(call, "__wrapped__"):
            return find_out(identity)
        if call.__code__ not in known:
            known[call.__code__] = find_out(identity)
        return known[call.__code__]

    return answer


def _parameter(*, path_param_names: Collection[str], **parameter: Any) -> utils.ParamDetails:
    return _parameter_of(path_param_names=frozenset(path_param_names), **parameter)


_FOUND_ONCE: list[tuple[ModuleType, str, Callable[[Callable[..., Any]], Callable[..., Any]]]] = [
    (utils, "get_typed_signature", _by_what_is_written),
    (utils, "analyze_param", lambda _: _parameter),
    (routing, "get_typed_return_annotation", _by_what_is_written),
    (routing, "create_model_field", _made_once),
    (models, "_is_gen_callable_cached", _of_the_same_kind),
    (models, "_is_async_gen_callable_cached", _of_the_same_kind),
    (models, "_is_coroutine_callable_cached", _of_the_same_kind),
    # The description of a body.
    (timeline_reports, "_body", _made_once),
]
for _module, _name, _once in _FOUND_ONCE:
    setattr(_module, _name, _once(getattr(_module, _name)))
BUILD = BuildInfo(version="1.2.3", python="3.11.0")
EXTERNAL_URL = "https://slo.example.org/burn/"


class FlatHistory(History):
    """A past in which nothing ever changed; remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[SloId, datetime, datetime, timedelta]] = []

    @override
    def history(
        self, slo_id: SloId, start: datetime, end: datetime, step: timedelta, *, adjusted: bool = True
    ) -> Sequence[HistoryPoint] | None:
        self.asked.append((slo_id, start, end, step))
        steps = int((end - start) / step)
        return [
            HistoryPoint(
                at=start + step * (number + 1),
                good=99.0,
                bad=1.0,
                total=100.0,
                sli=0.99,
                burn_rate=float("nan"),
                budget_remaining_ratio=0.5,
                coverage=1.0,
            )
            for number in range(steps)
        ]


@dataclass
class FlatPasts(Pasts):
    """Series and days of which each is like the others, but for a minute of errors in the last step; remembers."""

    asked: list[tuple[SloId, Sequence[SloId], datetime, datetime, timedelta]] = field(default_factory=list)

    @override
    def series(
        self,
        slo_id: SloId,
        members: Sequence[SloId],
        start: datetime,
        end: datetime,
        step: timedelta,
        *,
        adjusted: bool = True,
    ) -> RangeSeries:
        self.asked.append((slo_id, members, start, end, step))
        at = [start + step * number for number in range(1, int((end - start) / step) + 1)]
        calm = len(at) - 1

        def column(usual: float, last: float) -> list[float]:
            return [usual] * calm + [last] * (len(at) > 0)

        return RangeSeries(
            id=slo_id,
            since=start,
            at=at,
            good=column(100.0, 90.0),
            bad=column(0.0, 10.0),
            total=column(100.0, 100.0),
            sli=column(1.0, 0.9),
            budget_remaining=column(float("nan"), 0.5),
            coverage=column(1.0, 0.5),
            burn_rates={timedelta(minutes=5): column(0.0, 100.0), timedelta(hours=1): column(0.0, 20.0)},
        )

    @override
    def days(
        self, members: Sequence[SloId], start: datetime, end: datetime, *, adjusted: bool = True
    ) -> Sequence[DaySummary]:
        self.asked.append((members[0], members, start, end, timedelta(days=1)))
        first = start.replace(hour=0, minute=0)
        starts = [first + timedelta(days=number) for number in range(min((end - first).days, 400))]
        figures = (99.0, 1.0, 100.0, 0.99, 10.0, 0.02, 1.0)
        over = True
        return [DaySummary(day.date(), day, day + timedelta(days=1), over, *figures) for day in starts]

    @override
    def cost(self, members: Sequence[SloId], start: datetime, end: datetime) -> BudgetCost | None:
        self.asked.append((members[0], members, start, end, end - start))
        return BudgetCost(before=0.8, after=0.7, spent=0.1, usual=0.001)

    @override
    def forecast(self, slo_id: SloId) -> Outlook | NoForecast:
        return an_outlook(steps=2)

    @override
    def marks(self, slos: Sequence[SloId], start: datetime, end: datetime) -> Sequence[RangeMark]:
        return [RangeMark(at=start, until=None, kind=RangeMarkKind.PAGE, title="burning", path="/incidents/5f2d")]


@dataclass
class ListedContributors(Contributors):
    """Contributors that a test lists; remembers what was asked."""

    items: Sequence[ContributorShare] = ()
    asked: list[tuple[SloId, datetime, datetime, Sequence[str], Labels]] = field(default_factory=list)

    @override
    async def contributors(
        self, slo_id: SloId, start: datetime, end: datetime, *, by: Sequence[str], within: Labels
    ) -> ContributorsInRange | None:
        self.asked.append((slo_id, start, end, by, within))
        state = ContributorsState.ANSWERED if self.items else ContributorsState.NO_ERRORS
        bad, total = sum(item.bad for item in self.items), sum(item.total for item in self.items)
        return ContributorsInRange(state=state, start=start, end=end, by=by, bad=bad, total=total, items=self.items)


@dataclass
class ListedAlerts(AlertLog):
    """Transitions that a test lists."""

    transitions: list[Transition] = field(default_factory=list)

    @override
    async def recent(
        self, limit: int, slos: Collection[SloId] | None, *, tenants: Tenants | None = None
    ) -> Sequence[Transition]:
        wanted = TransitionFilter(slos=slos, tenants=tenants)
        return [each for each in self.transitions if wanted.matches(each)][:limit]


@dataclass
class ListedDeliveries(DeliveryLog):
    """Receivers and dead letters that a test lists, or why they are not known; remembers what was retried."""

    given: list[DeadLetter] = field(default_factory=list)
    listed: list[ReceiverStatus] = field(default_factory=list)
    retried: list[int] = field(default_factory=list)
    error: StoreError | None = None

    @override
    async def receivers(self) -> Sequence[ReceiverStatus]:
        if self.error is not None:
            raise self.error
        return self.listed

    @override
    async def dead_letters(
        self, limit: int, *, before: int | None = None, tenants: Tenants | None = None
    ) -> Sequence[DeadLetter]:
        found = [one for one in self.given if tenants is None or tenant_of(one.alert_key) in tenants]
        return [letter for letter in found if before is None or letter.id < before][:limit]

    @override
    async def retry(self, letter: int) -> bool:
        self.retried.append(letter)
        return letter in {one.id for one in self.given}


@dataclass
class Excuses(Readiness):
    """Ready and healthy unless a test gives reasons."""

    given: list[str] = field(default_factory=list)
    unhealthy: list[str] = field(default_factory=list)

    @override
    def reasons(self) -> Sequence[str]:
        return self.given

    @override
    def unhealthy_reasons(self) -> Sequence[str]:
        return self.unhealthy


@dataclass
class CountingReloader(Reloader):
    """Answers what a test says, and counts."""

    outcome: ReloadOutcome = ReloadOutcome(slos=3)  # noqa: RUF009  frozen
    reloads: int = 0

    @override
    async def reload(self) -> ReloadOutcome:
        self.reloads += 1
        return self.outcome


@dataclass
class FixedConfig(ConfigSource):
    """One configuration; the last reload failed if there are *errors*."""

    errors: tuple[str, ...] = ()

    @override
    def status(self) -> ConfigStatus:
        return ConfigStatus(
            settings={"prometheus_url": "http://localhost:9090", "prometheus_password": "**********"},
            spec_digest="0123abcd",
            slos=3,
            last_reload_successful=not self.errors,
            last_reload_errors=self.errors,
            last_reload_at=datetime(2026, 3, 1, 11, 0, tzinfo=UTC),
            database="SQLite 3.40.1",
            replicas=("slo-0, process 7",),
        )


@dataclass
class EndedBacktest:
    """A backtest whose process has ended at once."""

    plan: BacktestPlan

    def receive(self) -> tuple[str, object]:
        """Nothing."""
        raise EOFError

    def stop(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass
class Served:
    """An application, and the fakes behind it."""

    board: Board = field(default_factory=Board)
    history: FlatHistory = field(default_factory=FlatHistory)
    pasts: Pasts = field(default_factory=FlatPasts)
    contributors: ListedContributors = field(default_factory=ListedContributors)
    alerts: ListedAlerts = field(default_factory=ListedAlerts)
    incidents: KeptIncidents = field(default_factory=KeptIncidents)
    deliveries: ListedDeliveries = field(default_factory=ListedDeliveries)
    readiness: Excuses = field(default_factory=Excuses)
    reloader: CountingReloader = field(default_factory=CountingReloader)
    token: str | None = None
    events_token: str | None = None
    rules: AccessRules = field(default_factory=lambda: AccessRules(failures_per_minute=None, changes_per_minute=None))
    signed: SignedTokens | None = None
    report_link_secret: str | None = None
    telemetry: TelemetryConfig | None = None
    external_url: str = EXTERNAL_URL
    alertmanager_url: str | None = None
    remote_write: Sequence[RemoteWriteStatus] = ()
    sources: Sequence[SourceStatus] = ()
    config: FixedConfig = field(default_factory=FixedConfig)
    instruments: Instruments = field(default_factory=lambda: Instruments(build=BUILD))
    policies: Sequence[BudgetPolicy] = ()
    tenants: Sequence[Tenant] = ()
    clock: SetClock = field(default_factory=lambda: SetClock(AS_OF))
    launch_backtest: Callable[[BacktestPlan], RunningBacktest] = EndedBacktest

    @classmethod
    def with_snapshots(cls, *snapshots: Snapshot) -> "Served":
        """An application that shows these."""
        served = cls()
        served.board.publish(snapshots)
        return served

    @cached_property
    def gate(self) -> Gate:
        """A gate over the board, of which the policies may be replaced."""
        return Gate(
            self.board,
            self.incidents.lazy_database,
            clock=self.clock,
            stale_after=timedelta(minutes=2),
            policies=lambda: self.policies,
        )

    @cached_property
    def backtests(self) -> Backtests:
        """Backtests, which `launched` does not run."""
        return Backtests(
            jobs=BacktestJobs(launch=self.launch_backtest, now=self.clock.now),
            board=self.board,
            incidents=self.incidents.log,
            interval_s=30,
            now=self.clock.now,
        )

    @property
    def access(self) -> Access:
        """Who may do what: by the tokens of the fields, and by those in the database of the incidents."""
        rules = replace(self.rules, api_token=self.token, events_token=self.events_token, url=self.external_url)
        sessions = StoredSessions(self.incidents.lazy_database, self.clock)
        return Access(
            rules, self.tokens, sessions, now=self.clock.now, tenants=lambda: self.tenants, signed=self.signed
        )

    @cached_property
    def tokens(self) -> StoredTokens:
        """The tokens that are made."""
        return StoredTokens(self.incidents.lazy_database, self.clock)

    @cached_property
    def audit(self) -> StoredAudit:
        """The audit in the database of the incidents."""
        return StoredAudit(self.incidents.lazy_database)

    @property
    def data(self) -> ApiData:
        """What the application is made of."""
        return ApiData(
            board=self.board,
            history=self.history,
            pasts=self.pasts,
            contributors=self.contributors,
            reports=self.incidents.reports,
            turn=asyncio.Semaphore(1),
            alerts=self.alerts,
            incidents=self.incidents.log,
            deliveries=self.deliveries,
            timeline=Timeline(
                log=self.incidents.changes,
                adjustments=self.incidents.adjustments,
                now=self.incidents.clock.now,
            ),
            backtests=self.backtests,
            gate=self.gate,
            readiness=self.readiness,
            reloader=self.reloader,
            config=self.config,
            metrics=Exposition(self.board, self.instruments),
            build=BUILD,
            external_url=self.external_url,
            alertmanager_url=lambda: self.alertmanager_url,
            remote_write=lambda: self.remote_write,
            sources=lambda: self.sources,
            access=self.access,
            audit=self.audit,
            report_link_secret=self.report_link_secret,
            refused=self.instruments.request_refused,
            stream=Stream(self.board),
        )

    def app(self) -> FastAPI:
        """The application."""
        return create_app(self.data, telemetry=self.telemetry)


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The base URL of the application behind a real server on a free port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
