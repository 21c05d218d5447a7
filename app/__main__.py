"""The program `sloburn`, and `python -m app`."""

import os
import signal
import sys


def main() -> None:
    """Run the command line."""
    _handle_signals(sys.argv[1:])
    if os.environ.get("OTEL_PROPAGATORS"):
        from app.tracing.propagators import leave_out_unknown_propagators  # noqa: PLC0415

        leave_out_unknown_propagators(os.environ)
    # Imported after that: it takes a second, in which a signal may come.
    from app.cli import run_command  # noqa: PLC0415

    run_command()


def _handle_signals(arguments: list[str]) -> None:
    """Handle signals until the command does so itself."""
    serves = arguments[:1] == ["serve"]
    if serves:
        # No document has been read yet, so there is nothing to reload.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if serves or os.getpid() == 1:
        # The kernel ignores signals to PID 1 that have no handler: a container would be killed after its grace period.
        code = 0 if serves else 128 + signal.SIGTERM
        signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(code))


if __name__ == "__main__":
    main()
