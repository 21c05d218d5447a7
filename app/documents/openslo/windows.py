"""SLO windows of OpenSLO."""

from app.documents.dialect import Defaults
from app.documents.importing.scope import Scope
from app.documents.importing.windows import calendar_window, rolling_window
from app.documents.openslo.fields import length
from app.documents.openslo.objects import TimeWindow
from app.slo import CalendarUnit, Window

_UNITS = {
    "d": CalendarUnit.DAY,
    "w": CalendarUnit.WEEK,
    "M": CalendarUnit.MONTH,
    "Q": CalendarUnit.QUARTER,
    "Y": CalendarUnit.YEAR,
}


def window_of(window: TimeWindow | None, scope: Scope, defaults: Defaults) -> Window | None:
    """The SLO window; None, and an error, where it is unusable. What is repaired is a warning."""
    if window is None:
        problem = f"has no timeWindow: {defaults.window} is used"
        scope.warning(problem, "write timeWindow: [{duration: 28d, isRolling: true}]", "default_window")
        return defaults.window
    duration = window.of_length
    span = window.span
    if span == (1, "m"):
        # The minimum of a rolling window is an hour, and the official examples write it.
        duration.warning("1m is a minute, and a month is meant", "write 1M", "minute_for_month")
        span = (1, "M")
    is_rolling = window.start is None if window.is_rolling is None else window.is_rolling
    if is_rolling:
        if window.start is not None:
            window.scope.below("calendar").warning("is ignored: the window is rolling", "remove it", "calendar_ignored")
        if span[1] in "MQY":
            problem = f"a rolling window of {span[0]}{span[1]} is read as {length(span).days} days"
            duration.warning(problem, f"write {length(span).days}d", "rolling_month")
        return rolling_window(length(span), duration)
    if window.start is None or window.timezone is None:
        remedy = "write calendar: {startTime: 2024-01-01 00:00:00, timeZone: UTC}, or isRolling: true"
        window.scope.error("needs a calendar, since it does not roll", remedy)
        return None
    if span[1] not in _UNITS:
        duration.error("is no period of the calendar", "write 1d, 1w, 1M, 1Q or 1Y")
        return None
    calendar = window.scope.below("calendar")
    return calendar_window(
        _UNITS[span[1]],
        span[0],
        start=(window.start, calendar.below("startTime")),
        timezone=(window.timezone, calendar.below("timeZone")),
        length=duration,
    )
