"""Alerts as a Prometheus evaluates them, and the rules that others recommend or generate, on the same counts.

Source: https://sre.google/workbook/alerting-on-slos/ (approaches 1 to 6)
Source: https://github.com/slok/sloth/blob/main/internal/alert/window.go and https://github.com/pyrra-dev/pyrra
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from app.documents import PYRRA_RULES
from app.replay.history.window_series import WindowSeries
from app.replay.stepping import Firing
from app.slo import Severity, format_duration
from app.slo.arrays import Bools

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnCondition:
    """That the burn rates of all *windows* are above a factor; *inclusive*: or equal to it."""

    windows: tuple[timedelta, ...]
    factor: float
    inclusive: bool = False

    @property
    def name(self) -> str:
        """The windows, such as ``1h/5m``."""
        return "/".join(format_duration(window) for window in self.windows)

    def holds(self, series: WindowSeries) -> Bools:
        """At which slots it holds; nowhere without events."""
        held = np.ones(len(series.history), dtype=bool)
        for window in self.windows:
            burn_rates = series.columns(window).burn_rate
            held &= burn_rates >= self.factor if self.inclusive else burn_rates > self.factor
        return held


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusAlert:
    """An alerting rule: active while *any_of* the conditions holds, firing after *pending_for*."""

    severity: Severity
    any_of: tuple[BurnCondition, ...]
    pending_for: timedelta = timedelta(0)

    @property
    def longest(self) -> timedelta:
        """Its longest window."""
        return max(window for condition in self.any_of for window in condition.windows)

    def firings(self, series: WindowSeries, *, since: datetime | None = None) -> Iterator[Firing]:
        """When it fired, of the slots that end after *since*; None for all."""
        each = [condition.holds(series) for condition in self.any_of]
        active = np.concatenate([[False], np.logical_or.reduce(each), [False]])
        active[: series.history.first_after(since) + 1] = False
        edges = np.flatnonzero(active[1:] != active[:-1])
        wait = -(-self.pending_for.total_seconds() // series.history.interval_s)
        for begin, end in edges.reshape(-1, 2).tolist():
            fires = begin + int(wait)
            if fires >= end:
                continue
            place = next(number for number, held in enumerate(each) if held[fires])
            yield Firing(
                severity=self.severity,
                start=series.history.at(fires),
                end=series.history.at(end) if end < len(series.history) else None,
                tier=self.any_of[place].name,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusRules:
    """Alerting rules of one origin, such as an approach of the SRE Workbook."""

    name: str
    alerts: tuple[PrometheusAlert, ...]

    @property
    def longest(self) -> timedelta:
        """The longest window of all."""
        return max(alert.longest for alert in self.alerts)

    def firings(self, series: WindowSeries, *, since: datetime | None = None) -> tuple[Firing, ...]:
        """When any of them fired: each alert is one notification."""
        found = (firing for alert in self.alerts for firing in alert.firings(series, since=since))
        return tuple(sorted(found, key=lambda firing: (firing.start, firing.severity)))


def rules_of_others(window: timedelta) -> tuple[PrometheusRules, ...]:
    """The approaches of the SRE Workbook, then what Sloth and Pyrra generate, for an SLO over *window*."""
    return (*_workbook(window), _sloth(window), *_pyrra(window))


def _page(*any_of: BurnCondition, pending_for: timedelta = timedelta(0)) -> PrometheusAlert:
    return PrometheusAlert(severity=Severity.PAGE, any_of=any_of, pending_for=pending_for)


def _ticket(*any_of: BurnCondition) -> PrometheusAlert:
    return PrometheusAlert(severity=Severity.TICKET, any_of=any_of)


def _spends(share: float, window: timedelta, *windows: timedelta) -> BurnCondition:
    """That a share of the budget of *window* is spent at the rate of the first of *windows*, in all of them."""
    # Below 1 a rule would fire while the objective is met.
    return BurnCondition(windows=windows, factor=max(1.0, share * (window / windows[0])))


def _workbook(window: timedelta) -> Sequence[PrometheusRules]:
    fast, slow = (0.02, window, _HOUR), (0.05, window, 6 * _HOUR)
    approaches = (
        (_page(BurnCondition(windows=(10 * _MINUTE,), factor=1.0, inclusive=True)),),
        (_page(BurnCondition(windows=(36 * _HOUR,), factor=1.0)),),
        (_page(BurnCondition(windows=(_MINUTE,), factor=1.0), pending_for=_HOUR),),
        (_page(_spends(0.05, window, _HOUR)),),
        (_page(_spends(*fast), _spends(*slow)), _ticket(_spends(0.10, window, 3 * _DAY))),
        (_page(_spends(*fast, 5 * _MINUTE), _spends(*slow, 30 * _MINUTE)), _tickets_of_two(window)),
    )
    return [
        PrometheusRules(name=f"workbook {number}", alerts=alerts) for number, alerts in enumerate(approaches, start=1)
    ]


def _tickets_of_two(window: timedelta) -> PrometheusAlert:
    return _ticket(_spends(0.10, window, _DAY, 2 * _HOUR), _spends(0.10, window, 3 * _DAY, 6 * _HOUR))


def _sloth(window: timedelta) -> PrometheusRules:
    # Sloth's windows for 30 and 28 days, whose factors it does not raise to 1 (0.933 for 28 days).
    def spends(share: float, long: timedelta, short: timedelta) -> BurnCondition:
        return BurnCondition(windows=(short, long), factor=share * (window / long))

    page = _page(spends(0.02, _HOUR, 5 * _MINUTE), spends(0.05, 6 * _HOUR, 30 * _MINUTE))
    return PrometheusRules(
        name="sloth", alerts=(page, _ticket(spends(0.10, _DAY, 2 * _HOUR), spends(0.10, 3 * _DAY, 6 * _HOUR)))
    )


def _pyrra(window: timedelta) -> Iterator[PrometheusRules]:
    alerts = tuple(
        PrometheusAlert(
            severity=Severity.PAGE if rule.usual == "critical" else Severity.TICKET,
            any_of=(BurnCondition(windows=(scaled.short, scaled.long), factor=scaled.factor),),
            pending_for=scaled.pending_for or timedelta(0),
        )
        for rule in PYRRA_RULES
        if (scaled := rule.rule(window)) is not None
    )
    if alerts:
        yield PrometheusRules(name="pyrra", alerts=alerts)
