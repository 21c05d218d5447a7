"""The spellings of a histogram bucket's `le`: clients and versions of Prometheus write one number in several ways.

Go and Python write ``0.3`` and ``1e-05``, Java ``1.0E-5``, JavaScript ``1e-7``; Prometheus 3 stores ``1.0`` for the
``1`` that Prometheus 2 stores.
"""

from decimal import Decimal

from app.slo import Matcher, MatchOp

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


def _scientific(bound: Decimal) -> list[str]:
    exponent = bound.adjusted()
    short = f"{bound.scaleb(-exponent).normalize():f}"
    long = short if "." in short else f"{short}.0"
    sign = "-" if exponent < 0 else "+"
    padded = f"{sign}{abs(exponent):02d}"
    return [f"{short}e{padded}", f"{short}E{padded}", f"{short}e{sign}{abs(exponent)}", f"{long}E{exponent}"]


def _escape(spelling: str) -> str:
    return spelling.replace(".", r"\.").replace("+", r"\+")
