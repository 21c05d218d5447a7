"""The selectors that an SLI of any kind names: whether they match anything is looked at."""

from app.sli.expression import Expression, terms_named
from app.sli.several_sources import SeveralSources
from app.sli.time_slices import TimeSlices
from app.slo import Sli, Term


def named_terms(sli: Sli) -> tuple[Term, ...]:
    """The terms whose events are counted, or, of an expression, those that it names; none of a composite."""
    of = sli.of if isinstance(sli, TimeSlices | SeveralSources) else sli
    return terms_named(of) if isinstance(of, Expression) else of.terms
