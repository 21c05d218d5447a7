"""The result of a backtest as rows of tables, and as a plot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.replay import TODAY
from app.slo import format_seconds

# Where the plot's axes begin and end, in percent of its width and height: the rest is for their texts.
_LEFT, _RIGHT, _TOP, _BOTTOM = 12.0, 90.0, 10.0, 84.0
_MOST_FIRINGS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotPoint:
    """Rules of the same figures in the plot: their precision upwards, their detection time to the right, in percent.

    *label* are their numbers in the tables; *kind* is ``today``, ``suggested`` or ``other``.
    """

    names: str
    label: str
    kind: str
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The points, and the texts of the axes with their places in percent."""

    points: Sequence[PlotPoint]
    times: Sequence[tuple[float, str]]
    ratios: Sequence[tuple[float, str]]


def score_rows(scores: Sequence[Mapping[str, Any]], *, first: int = 1) -> list[Mapping[str, Any]]:
    """Rules with their figures in words, numbered from *first* on."""
    return [
        {
            **score,
            "number": number,
            "precision": _ratio(score["precision"]),
            "recall": _ratio(score["recall"]),
            "detects": _seconds(score["detection_seconds"]),
            "resets": _seconds(score["reset_seconds"]),
            "spent": _percent(score["spent_before_detection"]),
        }
        for number, score in enumerate(scores, first)
    ]


def firing_rows(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The first pages and tickets of today's rules."""
    return list(_firings(result))[:_MOST_FIRINGS]


def plot(rules: Sequence[Mapping[str, Any]], suggested: Sequence[Mapping[str, Any]]) -> Plot | None:
    """Where rules with known figures are, numbered as in the tables; None without any."""
    numbered = list(enumerate([*rules, *suggested], 1))
    known = [one for one in numbered if one[1]["precision"] is not None and one[1]["detection_seconds"] is not None]
    longest = max((score["detection_seconds"] for _, score in known), default=0.0) or 1.0
    alike: dict[tuple[float, float], list[tuple[int, str]]] = {}
    for number, score in known:
        place = (_across(score["detection_seconds"] / longest), _up(score["precision"]))
        alike.setdefault(place, []).append((number, score["name"]))
    if not alike:
        return None
    return Plot(
        points=[
            PlotPoint(
                names=", ".join(name for _, name in same),
                label=", ".join(str(number) for number, _ in same),
                kind=_kind(same, len(rules)),
                x=x,
                y=y,
            )
            for (x, y), same in sorted(alike.items())
        ],
        times=[(_across(share), format_seconds(round(longest * share))) for share in (0.0, 0.5, 1.0)],
        ratios=[(_up(ratio), _ratio(ratio)) for ratio in (0.0, 0.5, 1.0)],
    )


def _across(share: float) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * share, 1)


def _up(ratio: float) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * ratio, 1)


def _kind(same: Sequence[tuple[int, str]], rules: int) -> str:
    if any(name == TODAY for _, name in same):
        return "today"
    return "suggested" if any(number > rules for number, _ in same) else "other"


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
