"""How the service logs: one line an event, for people or as JSON."""

import logging
import sys

import structlog

from app.settings import LogFormat, LogLevel


def configure_logging(log_format: LogFormat, level: LogLevel) -> None:
    """Log to standard error from *level* on."""
    number = getattr(logging, level.value.upper())
    as_json = log_format is LogFormat.JSON
    # The console renderer prints tracebacks itself; its default shows local variables, which may be secrets.
    plain = structlog.dev.plain_traceback
    render: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    )
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), *render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)
