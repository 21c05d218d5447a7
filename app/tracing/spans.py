"""What is traced, independent of who records it.

A span has a name of few values, attributes, and an end; what is done within it, also in tasks and threads that it
starts, is below it. Attributes are ids, counts, hosts and codes: never queries with label values, paths of receivers'
URLs, or texts of errors, any of which may hold a secret.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from typing_extensions import override

AttributeValue = str | int | float | bool
_NO_ATTRIBUTES: Final[Mapping[str, AttributeValue]] = {}


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Which span is current: ids in lower-case hex, and whether its trace is exported."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The ids as the header of W3C Trace Context."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class Span(Protocol):
    """One piece of work that is under way."""

    def add(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Say more of the work."""

    def fail(self, error_type: str) -> None:
        """Mark the work as failed, by a code of few values."""


class SpanRecorder(Protocol):
    """Records spans; called by several threads."""

    def span(
        self, name: str, attributes: Mapping[str, AttributeValue], *, client: bool, links: Sequence[str]
    ) -> AbstractContextManager[Span]:
        """Begin a span below the current one, which is current until the end of the block.

        An exception that leaves the block marks it as failed by the name of its class. *links* are traceparents of
        spans that caused it.
        """

    def current(self) -> TraceContext | None:
        """The current span; None outside of one."""


class _NoSpan(Span):
    """A span that nothing records."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    @override
    def add(self, attributes: Mapping[str, AttributeValue]) -> None:
        return None

    @override
    def fail(self, error_type: str) -> None:
        return None


_NO_SPAN = _NoSpan()
_recorder: SpanRecorder | None = None


def record_spans(recorder: SpanRecorder | None) -> None:
    """From now on spans are recorded, or not any more; once in a process, before there are other threads."""
    global _recorder  # noqa: PLW0603  one process has one tracer, as it has one log
    _recorder = recorder


def trace_span(
    name: str, attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES, *, links: Sequence[str] = ()
) -> AbstractContextManager[Span]:
    """A span of our own work; the beginning of a trace where none is current."""
    return _NO_SPAN if _recorder is None else _recorder.span(name, attributes, client=False, links=links)


def trace_child(
    name: str, attributes: Mapping[str, AttributeValue] = _NO_ATTRIBUTES, *, client: bool = False
) -> AbstractContextManager[Span]:
    """A span below the current one, and none where there is no trace that is exported.

    What is done again and again beside all evaluations, such as looking into the outbox, would be a trace each time.
    With *client* it is a request to another program.
    """
    if _recorder is None or (context := _recorder.current()) is None or not context.sampled:
        return _NO_SPAN
    return _recorder.span(name, attributes, client=client, links=())


def current_trace() -> TraceContext | None:
    """The current span; None outside of one, and while nothing is recorded."""
    return None if _recorder is None else _recorder.current()


def trace_headers() -> dict[str, str]:
    """The headers that let a server continue the current trace; none outside of one."""
    context = current_trace()
    return {} if context is None else {"traceparent": context.traceparent}


def exemplar() -> dict[str, str] | None:
    """The labels of an exemplar that leads to the current trace; None where it is not exported."""
    context = current_trace()
    return {"trace_id": context.trace_id, "span_id": context.span_id} if context and context.sampled else None
