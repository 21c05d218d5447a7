"""The share of bad events in a window, for Prometheus rules.

*native*: native histograms are read where there are no classic ones.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from app.promql.native import with_native
from app.promql.selector_text import by_clause, render
from app.slo import Selector, Term, format_duration

# A label that tells the terms of a sum apart; no series has it.
_TERM: Final = "sloburn_term"


def bad_out_of_total(
    bad: Selector, total: Selector, window: timedelta, by: tuple[str, ...], *, native: bool = False
) -> str:
    """Bad events over all events."""
    everything = _rate(total, window, by, native=native)
    # An absent part beside a present total means that there was none of it, not that nothing is known.
    part = f"({_rate(bad, window, by, native=native)} or 0 * {everything})"
    # What is bad is an event even if the total does not count it: in an outage of `errors / sent` nothing is sent.
    return f"{part} / (({everything} > {part} or {part}) > 0)"


def not_good_out_of_total(
    good: Selector, total: Selector, window: timedelta, by: tuple[str, ...], *, native: bool = False
) -> str:
    """One minus good events over all events, at least 0."""
    everything = _rate(total, window, by, native=native)
    part = f"({_rate(good, window, by, native=native)} or 0 * {everything})"
    return f"clamp_min(1 - {part} / ({everything} > 0), 0)"


def weighted_bad_out_of_total(
    terms: Sequence[Term], window: timedelta, by: tuple[str, ...], *, native: bool = False
) -> str:
    """Bad events over all events, each a weighted sum of rates in which an absent one is zero."""
    everything = _weighted([(term.weights.total, term.selector) for term in terms], window, by, native=native)
    bad = _weighted([(term.weights.bad, term.selector) for term in terms], window, by, native=native)
    if not bad:
        return f"0 * {everything}"
    part = f"clamp_min({bad} or 0 * {everything}, 0)"
    return f"{part} / (({everything} > {part} or {part}) > 0)"


def _weighted(terms: Sequence[tuple[float, Selector]], window: timedelta, by: tuple[str, ...], *, native: bool) -> str:
    rates = []
    for weight, selector in terms:
        if weight:
            rate = _rate(selector, window, by, native=native)
            rates.append(rate if weight == 1.0 else f"{weight:.12g} * {rate}")
    if not rates:
        return ""
    if len(rates) == 1:
        return f"({rates[0]})" if rates[0][0] in "-0123456789" else rates[0]
    # `or` keeps what only one side has, which `+` drops; the label keeps apart what both have.
    apart = (f'label_replace({rate}, "{_TERM}", "{number}", "", "")' for number, rate in enumerate(rates, 1))
    return f"sum{by_clause(by)} ({' or '.join(apart)})"


def _rate(selector: Selector, window: timedelta, by: tuple[str, ...], *, native: bool) -> str:
    read = f"rate({{}}[{format_duration(window)}])".format
    return f"sum{by_clause(by)} ({with_native(selector, read) if native else read(render(selector))})"
