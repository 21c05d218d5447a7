"""The share of bad events in a window, for Prometheus rules."""

from datetime import timedelta

from app.promql.selector_text import render
from app.slo import Selector, format_duration


def bad_out_of_total(bad: Selector, total: Selector, window: timedelta, by: tuple[str, ...]) -> str:
    """Bad events over all events."""
    everything = _rate(total, window, by)
    # An absent part beside a present total means that there was none of it, not that nothing is known.
    part = f"({_rate(bad, window, by)} or 0 * {everything})"
    # What is bad is an event even if the total does not count it: in an outage of `errors / sent` nothing is sent.
    return f"{part} / (({everything} > {part} or {part}) > 0)"


def not_good_out_of_total(good: Selector, total: Selector, window: timedelta, by: tuple[str, ...]) -> str:
    """One minus good events over all events, at least 0."""
    everything = _rate(total, window, by)
    part = f"({_rate(good, window, by)} or 0 * {everything})"
    return f"clamp_min(1 - {part} / ({everything} > 0), 0)"


def _rate(selector: Selector, window: timedelta, by: tuple[str, ...]) -> str:
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouping} (rate({render(selector)}[{format_duration(window)}]))"
