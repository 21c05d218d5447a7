"""`sloburn export`: `command.py` has its options, `history.py` does the work, for which most of the service is imported."""

from app.cli.export.command import export

__all__ = ["export"]
