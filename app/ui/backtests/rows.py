"""The result of a backtest as rows of tables, and as points of a plot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.replay import TODAY
from app.slo import format_seconds

PLOT_SIZE = (600, 240)
_LEFT, _BOTTOM = 40.0, 20.0
_MOST_FIRINGS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotPoint:
    """Rules in the plot: their precision upwards, their detection time to the right."""

    name: str
    x: float
    y: float


def score_rows(scores: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rules with their figures in words."""
    return [
        {
            **score,
            "precision": _ratio(score["precision"]),
            "recall": _ratio(score["recall"]),
            "detects": _seconds(score["detection_seconds"]),
            "resets": _seconds(score["reset_seconds"]),
            "spent": _percent(score["spent_before_detection"]),
        }
        for score in scores
    ]


def firing_rows(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The first pages and tickets of today's rules."""
    return list(_firings(result))[:_MOST_FIRINGS]


def plot_points(scores: Sequence[Mapping[str, Any]]) -> list[PlotPoint]:
    """Where rules with known figures are in a plot of `PLOT_SIZE`."""
    known = [one for one in scores if one["precision"] is not None and one["detection_seconds"] is not None]
    longest = max((one["detection_seconds"] for one in known), default=0.0) or 1.0
    width, height = PLOT_SIZE
    return [
        PlotPoint(
            name=one["name"],
            x=round(_LEFT + (width - 2 * _LEFT) * one["detection_seconds"] / longest, 1),
            y=round((height - _BOTTOM) - (height - 2 * _BOTTOM) * one["precision"], 1),
        )
        for one in known
    ]


def _firings(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for slo in result["slos"]:
        for rules in slo["rules"]:
            for firing in rules["firings"] if rules["name"] == TODAY else ():
                yield {
                    **firing,
                    "slo": slo["id"],
                    "start": datetime.fromisoformat(firing["start"]),
                    "end": None if firing["end"] is None else datetime.fromisoformat(firing["end"]),
                    "right": {True: "yes", False: "no", None: "not known"}[firing["right"]],
                    "spent": _percent(firing["spent_before"]),
                }


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else format_seconds(value)
