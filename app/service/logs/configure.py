"""How the service logs: one line an event, for people or as JSON."""

import io
import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog
from typing_extensions import override

from app.service.logs.event_names import add_event_name, leave_out_event_name
from app.service.logs.repeats import LimitRecords, LimitRepeats
from app.service.logs.trace_ids import add_trace
from app.settings import LogFormat, LogLevel


def configure_logging(log_format: LogFormat, level: LogLevel) -> None:
    """Log to standard error from *level* on."""
    number = getattr(logging, level.value.upper())
    as_json = log_format is LogFormat.JSON
    # The console renderer prints tracebacks itself; its default shows local variables, which may be secrets.
    plain = structlog.dev.plain_traceback
    render: list[structlog.typing.Processor] = (
        [add_event_name, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [
            leave_out_event_name,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ]
    )
    stamp: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace,
    ]
    structlog.configure(
        processors=[LimitRepeats(), *stamp, *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    _configure_others(max(number, logging.WARNING), [*stamp, structlog.stdlib.add_logger_name], render)


def _configure_others(
    level: int, stamp: list[structlog.typing.Processor], render: list[structlog.typing.Processor]
) -> None:
    """Write what libraries log (asyncio, uvicorn) as our own lines are written."""
    handler = logging.StreamHandler(cast("TextIO", _Patient(sys.stderr)))
    handler.addFilter(LimitRecords())
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=stamp, processors=[remove_meta, *render])
    )
    logging.basicConfig(level=level, handlers=[handler])


class _Patient(io.TextIOBase):
    """A stream that loses lines which cannot be written: a log on a full disk must not end an evaluation."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @override
    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    @override
    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()
