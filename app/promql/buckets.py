"""The spellings of a histogram bucket's `le`: clients and versions of Prometheus write one number in several ways.

Go and Python write ``0.3`` and ``1e-05``, Java ``1.0E-5``, JavaScript ``1e-7``; Prometheus 3 stores ``1.0`` for the
``1`` that Prometheus 2 stores.
"""

from decimal import Decimal, InvalidOperation
from itertools import pairwise

from app.promql.metric_names import BUCKET
from app.slo import Matcher, MatchOp, Selector

# Outside these bounds some clients write scientific notation.
_SMALLEST_PLAIN = Decimal("0.001")
_LARGEST_PLAIN = Decimal(1_000_000)


def le_matcher(bound: Decimal) -> Matcher:
    r"""The matcher on ``le`` for the bucket with this upper bound, however it is spelled.

    >>> le_matcher(Decimal("1")).value
    '1|1\\.0'
    """
    spellings = bucket_spellings(bound)
    if len(spellings) == 1:
        return Matcher("le", MatchOp.EQUAL, spellings[0])
    return Matcher("le", MatchOp.REGEX, "|".join(_escape(spelling) for spelling in spellings))


def bucket_spellings(bound: Decimal) -> tuple[str, ...]:
    """Every way that clients write a positive number as the bound of a bucket.

    >>> bucket_spellings(Decimal("0.30"))
    ('0.3',)
    """
    plain = f"{bound.normalize():f}"
    spellings = [plain] if "." in plain else [plain, f"{plain}.0"]
    if not _SMALLEST_PLAIN <= bound < _LARGEST_PLAIN:
        spellings += _scientific(bound)
    return tuple(dict.fromkeys(spellings))


def bound_of(selector: Selector) -> Decimal | None:
    r"""The upper bound of the one bucket that a selector picks; None where it picks none, or several.

    >>> bound_of(Selector((Matcher("le", MatchOp.REGEX, r"1|1\.0"),)))
    Decimal('1')
    """
    matchers = [matcher for matcher in selector.matchers if matcher.label == BUCKET]
    if len(matchers) != 1 or matchers[0].op not in {MatchOp.EQUAL, MatchOp.REGEX}:
        return None
    try:
        bounds = [Decimal(text) for text in _spelled(matchers[0])]
    except InvalidOperation:
        return None
    return bounds[0] if all(one == other for one, other in pairwise(bounds)) and not bounds[0].is_nan() else None


def bound_text(bucket: Selector) -> str:
    r"""The bound of the bucket that a selector picks, as a matcher in its usual spelling.

    >>> bound_text(Selector((Matcher("le", MatchOp.REGEX, r"1|1\.0"),)))
    'le="1"'
    """
    bound = bound_of(bucket)
    return f'{BUCKET}="{"" if bound is None else f"{bound.normalize():f}" if bound.is_finite() else "+Inf"}"'


def any_spelling(selector: Selector) -> Selector:
    """The selector with every spelling of the bound of its bucket; itself where it picks no single bucket."""
    bound = bound_of(selector)
    if bound is None or bound <= 0 or bound.is_infinite():
        return selector
    rest = tuple(matcher for matcher in selector.matchers if matcher.label != BUCKET)
    written = next(matcher for matcher in selector.matchers if matcher.label == BUCKET)
    usual = bucket_spellings(bound)
    unusual = [text for text in _spelled(written) if text not in usual]
    if not unusual:
        return Selector((*rest, le_matcher(bound)))
    texts = dict.fromkeys([*usual, *unusual])
    return Selector((*rest, Matcher(BUCKET, MatchOp.REGEX, "|".join(map(_escape, texts)))))


def _scientific(bound: Decimal) -> list[str]:
    exponent = bound.adjusted()
    short = f"{bound.scaleb(-exponent).normalize():f}"
    long = short if "." in short else f"{short}.0"
    sign = "-" if exponent < 0 else "+"
    padded = f"{sign}{abs(exponent):02d}"
    return [f"{short}e{padded}", f"{short}E{padded}", f"{short}e{sign}{abs(exponent)}", f"{long}E{exponent}"]


def _spelled(matcher: Matcher) -> list[str]:
    """The texts that a matcher on a bound is an alternation of."""
    if matcher.op is MatchOp.EQUAL:
        return [matcher.value]
    return matcher.value.removeprefix("(").removesuffix(")").replace("\\", "").split("|")


def _escape(spelling: str) -> str:
    return spelling.replace(".", r"\.").replace("+", r"\+")
