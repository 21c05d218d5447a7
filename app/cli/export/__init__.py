"""`sloburn export`: `command.py` has its options, `history.py` does the work and imports most of the service for it."""

from app.cli.export.command import export

__all__ = ["export"]
