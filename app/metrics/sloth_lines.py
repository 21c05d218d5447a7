"""The SLOs once more under the names that Sloth's rules record, so that dashboards made for those show our figures.

Only written where `SLOBURN_METRIC_NAMES=sloth` asks for it (ADR-0057).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from app.metrics.build import BuildInfo
from app.metrics.families import Family
from app.metrics.labels import exported_labels, render_labels
from app.metrics.sample_lines import Lines, add_sample
from app.metrics.slo_lines import window_label, window_seconds
from app.promql import sloth_names
from app.slo import AlertState, Cause, GroupKey, RollingWindow, Slo, SloId, duration_with_weeks
from app.status import AlertView, Snapshot

_DAY_S = 86_400.0
_OBJECTIVE = Family(sloth_names.OBJECTIVE, "gauge", "Share of events that must be good over the SLO window.")
_ERROR_BUDGET = Family(sloth_names.ERROR_BUDGET, "gauge", "Share of events that may be bad over the SLO window.")
_PERIOD = Family(sloth_names.PERIOD_DAYS, "gauge", "Length of the SLO window in days.")
_CURRENT = Family(sloth_names.CURRENT_BURN_RATE, "gauge", "Burn rate of the last five minutes.")
_SPENT = Family(sloth_names.PERIOD_BURN_RATE, "gauge", "Spent share of the error budget; above 1 if overspent.")
_REMAINING = Family(sloth_names.BUDGET_REMAINING, "gauge", "Unspent share of the error budget; negative if overspent.")
_INFO = Family(sloth_names.INFO, "gauge", "The SLO's labels and objective; always 1.")
# Prometheus makes this of its own alerting rules; Sloth's dashboards show the alerts of an SLO by it.
_ALERTS = Family("ALERTS", "gauge", "1 for each page or ticket on a burn that is pending, or fires and is not muted.")


class SlothTexts:
    """Writes the families; keeps the labels of each SLO, which take longest."""

    def __init__(self) -> None:
        self._version = BuildInfo.current().version
        self._of_slos: dict[SloId, _SlothText] = {}

    def render_families(self, snapshots: Sequence[Snapshot], *, openmetrics: bool) -> Iterator[str]:
        """The text of each family, one after another."""
        lines: defaultdict[Family, list[str]] = defaultdict(list)
        known = self._of_slos
        self._of_slos = {}
        for snapshot in snapshots:
            text = known.get(snapshot.id)
            if text is None or text.slo is not snapshot.slo or text.group != snapshot.group:
                text = _SlothText.of(snapshot.slo, snapshot.group, self._version)
            self._of_slos[snapshot.id] = text
            text.add(lines, snapshot)
        for family, of_family in lines.items():
            yield family.header(openmetrics=openmetrics) + "".join(of_family)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SlothText:
    """What is written once of an SLO or a member of its group: its labels, alone and with those of its window."""

    slo: Slo
    group: GroupKey
    labels: str
    whole: str
    current: str
    info: str

    @classmethod
    def of(cls, slo: Slo, group: GroupKey, version: str) -> "_SlothText":
        identity = sloth_names.sloth_identity(slo, group)
        named = [*identity.items(), *exported_labels(_others(slo, group), taken=[*identity, *_OWN])]
        labels = render_labels(named)
        whole = _whole(slo)
        about = {**sloth_names.sloth_about(slo), "sloth_version": version}
        return cls(
            slo=slo,
            group=group,
            labels=labels,
            whole=_in_window(labels, whole),
            current=_in_window(labels, duration_with_weeks(sloth_names.CURRENT)),
            info=f"{{{labels},{render_labels(about.items())}}} ",
        )

    def add(self, lines: Lines, snapshot: Snapshot) -> None:
        """Add all lines of the SLO."""
        slo, budget, rest = self.slo, snapshot.budget, f"{{{self.labels}}} "
        self._add_windows(lines, snapshot)
        add_sample(lines, _OBJECTIVE, rest, slo.objective)
        add_sample(lines, _ERROR_BUDGET, rest, slo.error_budget)
        add_sample(lines, _PERIOD, rest, window_seconds(snapshot) / _DAY_S)
        add_sample(lines, _SPENT, self.whole, budget.consumed_ratio)
        add_sample(lines, _REMAINING, self.whole, budget.remaining_ratio)
        add_sample(lines, _INFO, self.info, 1.0)
        for alert in snapshot.alerts:
            if alert.cause is Cause.BURN and (alert.firing or alert.state is AlertState.PENDING):
                self._add_alert(lines, alert)

    def _add_windows(self, lines: Lines, snapshot: Snapshot) -> None:
        window = self.slo.window
        period = window.duration if isinstance(window, RollingWindow) else None
        for view in snapshot.windows:
            if view.window == sloth_names.CURRENT:
                add_sample(lines, _CURRENT, self.current, view.burn_rate)
            if view.window != period:
                family, length = _ratio(view.window)
                add_sample(lines, family, _in_window(self.labels, length), 1.0 - view.sli)
        if period is not None:
            add_sample(lines, _ratio(period)[0], self.whole, 1.0 - snapshot.sli)

    def _add_alert(self, lines: Lines, alert: AlertView) -> None:
        policy = self.slo.alerting.policy(alert.severity)
        about = {
            "alertname": self.slo.alerting.name,
            "alertstate": "firing" if alert.firing else "pending",
            sloth_names.SEVERITY_LABEL: alert.severity.value,
        }
        taken = {*about, *sloth_names.sloth_identity(self.slo)}
        of_alerts = (*self.slo.alerting.labels, *(() if policy is None else policy.labels))
        others = dict(_others(self.slo, self.group)) | dict(of_alerts)
        named = [*about.items(), *sloth_names.sloth_identity(self.slo, self.group).items()]
        own = [(name, value) for name, value in others.items() if name not in taken]
        lines[_ALERTS].append(f"ALERTS{{{render_labels([*named, *exported_labels(own, taken=taken)])}}} 1.0\n")


_OWN = (sloth_names.WINDOW_LABEL, "sloth_mode", "sloth_objective", "sloth_spec", "sloth_version")


def _others(slo: Slo, group: GroupKey) -> list[tuple[str, str]]:
    """The labels of the document and of the group, as Sloth's rules have them on every series."""
    identity = sloth_names.sloth_identity(slo)
    return [(name, value) for name, value in sloth_names.sloth_labels(slo, group).items() if name not in identity]


def _whole(slo: Slo) -> str:
    return (
        duration_with_weeks(slo.window.duration) if isinstance(slo.window, RollingWindow) else window_label(slo.window)
    )


def _in_window(labels: str, window: str) -> str:
    return f'{{{labels},{sloth_names.WINDOW_LABEL}="{window}"}} '


# SLOs share few lengths of windows.
@lru_cache(maxsize=1024)
def _ratio(window: timedelta) -> tuple[Family, str]:
    """The family of the share of bad events in a window, and the window as its label."""
    text = duration_with_weeks(window)
    return Family(sloth_names.error_ratio_name(window), "gauge", f"Share of events that were bad over {text}."), text
