"""NRQL that counts events, such as ``SELECT count(*) FROM Transaction WHERE appName = 'shop'``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.count_queries.errors import CountQueryError

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
# The first FROM outside quotes: that of a value, as in 'sent from b', is no clause.
_QUERY = re.compile(rf"select\s+(?P<what>(?:{_QUOTED.pattern}|[^'\"`])+?)\s+from\s+(?P<rest>.+)", re.IGNORECASE)
_QUOTED_OR_SPACE = re.compile(rf"(?P<quoted>{_QUOTED.pattern})|\s+")
# What we set ourselves, or what would make other numbers than counts of the intervals.
_CLAUSES = re.compile(
    r"\b(since|until|timeseries|facet|limit|compare\s+with|slide\s+by|order\s+by|extrapolate|with\s+timezone)\b",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--|//|/\*")
_FUNCTIONS = ("count", "sum", "filter")
_CALL = re.compile(r"\s*(\w+)\s*\(", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_AS = re.compile(r"\bas\b", re.IGNORECASE)
EVENTS = "events"
"""The name that the number of events has in an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NrqlCount:
    """A query that counts: *what* of it, as a function, and the *rest* from the type of events on."""

    what: str
    rest: str

    @property
    def text(self) -> str:
        """The query as it is shown, and known by."""
        return f"SELECT {self.what} FROM {self.rest}"  # noqa: S608  NRQL, which only reads


def faceted(text: str, by: Sequence[str]) -> str:
    """A query for each value of some attributes."""
    facets = [name if _PLAIN.fullmatch(name) else f"`{name}`" for name in by]
    return f"{text} FACET {', '.join(facets)}" if by else text


def read_nrql(text: str) -> NrqlCount:
    """What a query counts.

    >>> read_nrql("select count(*)  from Transaction where name = 'a  b'").text
    "SELECT count(*) FROM Transaction where name = 'a  b'"

    Raises:
        CountQueryError: it counts no events, or says for which time.
    """
    spaced = _outside_quotes(text.strip())
    found = _QUERY.fullmatch(spaced)
    if found is None:
        raise CountQueryError("is not NRQL that counts", "write SELECT count(*) FROM TYPE WHERE CONDITION")
    masked = _QUOTED.sub("''", spaced)
    if _COMMENT.search(masked):
        raise CountQueryError("has a comment, which would hide what Sloburn writes after it", "remove it")
    clause = _CLAUSES.search(masked)
    if clause is not None:
        word = " ".join(clause[1].upper().split())
        remedy = "write by: below the SLO" if word == "FACET" else "remove it; intervals are set by every:"
        raise CountQueryError(f"has {word}, which Sloburn writes", remedy)
    what = found["what"]
    call = _CALL.match(what)
    if call is None or call[1].lower() not in _FUNCTIONS or _has_several(what) or _AS.search(_QUOTED.sub("''", what)):
        problem = f"selects {what[:60]}, which is not one number of events"
        raise CountQueryError(problem, "write SELECT count(*), sum(ATTRIBUTE) or filter(count(*), WHERE CONDITION)")
    return NrqlCount(what=what, rest=found["rest"])


def in_intervals(text: str, since_ms: int, until_ms: int, every: timedelta) -> str:
    """A query, as `faceted` gives it, for the intervals from one time to another."""
    found = _QUERY.fullmatch(text)
    if found is None:
        raise ValueError(f"not a query that was read: {text[:60]}")
    seconds = round(every.total_seconds())
    length = f"{seconds // 60} minutes" if seconds % 60 == 0 else f"{seconds} seconds"
    # Without a limit there are the ten largest facets only.
    time = f"SINCE {since_ms} UNTIL {until_ms} TIMESERIES {length}"
    return " ".join(("SELECT", found["what"], f"AS '{EVENTS}'", "FROM", found["rest"], time, "LIMIT MAX"))


def _outside_quotes(text: str) -> str:
    """The text on one line with single spaces, but for what is in quotes."""
    return _QUOTED_OR_SPACE.sub(lambda found: found["quoted"] or " ", text)


def _has_several(what: str) -> bool:
    """Whether several functions are selected, with commas between them."""
    depth = 0
    for char in _QUOTED.sub("''", what):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            return True
    return False
