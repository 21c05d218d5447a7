"""Time spans as OpenSLO has them: one number and one unit, of whole minutes."""

from datetime import timedelta

from app.documents.openslo.fields import length, read_span
from app.slo import CalendarUnit, CalendarWindow, RollingWindow, Window
from app.yamldoc.tree import BooleanText
from app.yamldoc.writing import Written, given

# The beginning of a day, week, month, quarter and year.
_USUAL_START = "2024-01-01 00:00:00"
_UNITS = {
    CalendarUnit.DAY: "d",
    CalendarUnit.WEEK: "w",
    CalendarUnit.MONTH: "M",
    CalendarUnit.QUARTER: "Q",
    CalendarUnit.YEAR: "Y",
}


def written_span(duration: timedelta) -> str | None:
    """A duration in the largest unit that it is a whole number of; None where it is not one of minutes.

    >>> written_span(timedelta(hours=36)), written_span(timedelta(seconds=90))
    ('36h', None)
    """
    for unit in "dhm":
        count, rest = divmod(duration, length(read_span(f"1{unit}")))
        if count and not rest:
            return f"{count}{unit}"
    return None


def written_window(window: Window) -> Written | None:
    """A `timeWindow`; None where OpenSLO cannot say it."""
    if isinstance(window, RollingWindow):
        span = written_span(window.duration)
        return None if span is None else {"duration": span, "isRolling": BooleanText("true")}
    return _calendar(window)


def _calendar(window: CalendarWindow) -> Written:
    start = _USUAL_START if window.start is None else window.start.isoformat(sep=" ", timespec="seconds")
    return given(
        {
            "duration": f"{window.every}{_UNITS[window.unit]}",
            "isRolling": BooleanText("false"),
            "calendar": {"startTime": start, "timeZone": window.timezone},
        }
    )
