"""What the values of a status label mean: which vocabulary they are words of, and which of them are bad."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from app.slo import Matcher, MatchOp

# RE2 and Python agree on these: alternations of literals and dots.
_ANY_CASE = re.IGNORECASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The values that a status label can have.

    Attributes:
        name: for people.
        known: matches every value.
        bad: matches the values of events that the service is to blame for; the matcher that documents get. Empty where
            every value is bad, and events without the label are good.
        good: matches values that are good for sure, for vocabularies without fixed words for what is bad; or empty.
        unclear: what else some teams take for bad, for people.
        not_events: matches values that are sums of the others.
    """

    name: str
    known: str
    bad: str
    good: str = ""
    unclear: str = ""
    not_events: str = ""


HTTP_CODES = Vocabulary(
    name="HTTP status codes",
    known=r"0|[1-5]\d\d",
    bad="5..",
    unclear='4xx are errors of clients, and good; to have rate limiting count as bad, match "5..|429"',
)
HTTP_CLASSES = Vocabulary(
    name="classes of HTTP status codes",
    known=r"[1-5]xx|other|total",
    bad="5xx",
    unclear="4xx are errors of clients, and good",
    not_events="total",
)
HTTP_CLASS_DIGITS = Vocabulary(
    name="classes of HTTP status codes", known="[1-5]", bad="5", unclear="4xx are errors of clients, and good"
)
_GRPC_UNCLEAR = "ResourceExhausted, Aborted and Canceled are good, as errors of clients: add those that are yours"
GRPC_NAMES = Vocabulary(
    name="gRPC status codes",
    known="OK|Cancell?ed|Unknown|InvalidArgument|DeadlineExceeded|NotFound|AlreadyExists|PermissionDenied"
    "|ResourceExhausted|FailedPrecondition|Aborted|OutOfRange|Unimplemented|Internal|Unavailable|DataLoss"
    "|Unauthenticated",
    bad="Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss",
    unclear=_GRPC_UNCLEAR,
)
"""Source for what is bad: https://opentelemetry.io/docs/specs/semconv/rpc/grpc/#grpc-status"""
GRPC_CAPITALS = Vocabulary(
    name="gRPC status codes",
    known="OK|CANCELL?ED|UNKNOWN|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED"
    "|RESOURCE_EXHAUSTED|FAILED_PRECONDITION|ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS"
    "|UNAUTHENTICATED",
    bad="UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS",
    unclear=_GRPC_UNCLEAR,
)
GRPC_NUMBERS = Vocabulary(
    name="gRPC status codes",
    known=r"\d|1[0-6]",
    bad="2|4|12|13|14|15",
    unclear="8, 10 and 1 (RESOURCE_EXHAUSTED, ABORTED, CANCELLED) are good, as errors of clients: add yours",
)
SPAN_STATUSES = Vocabulary(
    name="status codes of spans",
    known="STATUS_CODE_(UNSET|OK|ERROR)|Unset|Ok|Error",
    bad="STATUS_CODE_ERROR|Error",
)
DNS_CODES = Vocabulary(
    name="DNS response codes",
    known="NOERROR|FORMERR|SERVFAIL|NXDOMAIN|NOTIMP|REFUSED|YXDOMAIN|YXRRSET|NXRRSET|NOTAUTH|NOTZONE|BAD\\w+",
    bad="SERVFAIL",
    unclear="NXDOMAIN is an answer, and good; REFUSED is good, as an error of clients",
)
KAFKA_ERRORS = Vocabulary(
    name="Kafka error codes",
    known="NONE|[A-Z]+(_[A-Z]+)*",
    bad="UNKNOWN_SERVER_ERROR|NOT_ENOUGH_REPLICAS|NOT_ENOUGH_REPLICAS_AFTER_APPEND|REQUEST_TIMED_OUT|KAFKA_STORAGE_ERROR"
    "|LEADER_NOT_AVAILABLE|COORDINATOR_NOT_AVAILABLE",
    unclear="NOT_LEADER_OR_FOLLOWER and the errors of clients are good",
)
OUTCOMES = Vocabulary(
    name="outcomes",
    known=r"success(ful)?|succeeded|ok|pass(ed)?|complete[d]?|true|redirection|informational|client_error|server_error|unknown"
    r"|errors?|err|fail|failed|failures?|false|exception|timeout|rejected|dropped|requeue(_after)?",
    bad="errors?|err|fail|failed|failures?|false|exception|timeout|server_error|dropped|rejected",
    good=r"success(ful)?|succeeded|ok|pass(ed)?|complete[d]?|true",
)

ERROR_TYPES = Vocabulary(name="error types", known=".*", bad="")
"""A label that only errors have, as `error.type` of OpenTelemetry."""

_BY_VALUES = (HTTP_CODES, HTTP_CLASSES, GRPC_NAMES, GRPC_CAPITALS, SPAN_STATUSES, OUTCOMES)
"""Asked in this order; digits alone could be those of gRPC, or of classes of HTTP codes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a status label of one service says.

    Attributes:
        vocabulary: what its values are words of.
        bad: selects bad events.
        not_bad: selects the others.
        events: leaves out series that are sums of others, where there are such.
        is_seen: whether a bad value has occurred.
    """

    vocabulary: Vocabulary
    bad: Matcher
    not_bad: Matcher
    events: Matcher | None
    is_seen: bool


def vocabulary_of(values: Collection[str]) -> Vocabulary | None:
    """The vocabulary that all values belong to; None where there is none, or where there are no values.

    >>> vocabulary_of(["200", "503"]).name
    'HTTP status codes'
    >>> vocabulary_of(["200", "on holiday"])
    """
    return next((known for known in _BY_VALUES if belongs_to(known, values)), None)


def belongs_to(vocabulary: Vocabulary, values: Collection[str]) -> bool:
    """Whether all values belong to a vocabulary, and there is one."""
    flags = _ANY_CASE if vocabulary is OUTCOMES else 0
    said = [value for value in values if value]
    return bool(said) and all(re.fullmatch(vocabulary.known, value, flags) for value in said)


def meaning(label: str, values: Collection[str], vocabulary: Vocabulary) -> Meaning:
    """What selects bad events, of a label with these values."""
    if not vocabulary.bad:
        bad, not_bad = Matcher(label, MatchOp.NOT_EQUAL, ""), Matcher(label, MatchOp.EQUAL, "")
        return Meaning(vocabulary=vocabulary, bad=bad, not_bad=not_bad, events=None, is_seen=any(values))
    has_sums = any(vocabulary.not_events and re.fullmatch(vocabulary.not_events, value) for value in values)
    events = Matcher(label, MatchOp.NOT_EQUAL, vocabulary.not_events) if has_sums else None
    if not vocabulary.good:
        seen = any(re.fullmatch(vocabulary.bad, value) for value in values)
        bad, not_bad = _matchers(label, vocabulary.bad)
        return Meaning(vocabulary=vocabulary, bad=bad, not_bad=not_bad, events=events, is_seen=seen)
    found = sorted(value for value in values if re.fullmatch(vocabulary.bad, value, _ANY_CASE))
    if found:
        bad, not_bad = _matchers(label, "|".join(found))
    else:
        # Nothing has failed yet, so the value of failures is not known: all but the good ones are bad.
        good = sorted(value for value in values if re.fullmatch(vocabulary.good, value, _ANY_CASE))
        not_bad, bad = _matchers(label, "|".join(good) or "success")
    return Meaning(vocabulary=vocabulary, bad=bad, not_bad=not_bad, events=events, is_seen=bool(found))


def _matchers(label: str, pattern: str) -> tuple[Matcher, Matcher]:
    """What selects the values of a pattern, and what selects all others."""
    if re.fullmatch(r"\w+", pattern):
        return Matcher(label, MatchOp.EQUAL, pattern), Matcher(label, MatchOp.NOT_EQUAL, pattern)
    return Matcher(label, MatchOp.REGEX, pattern), Matcher(label, MatchOp.NOT_REGEX, pattern)
