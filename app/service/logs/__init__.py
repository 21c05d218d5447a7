"""The log of the service: `configure.py` sets it up, `repeats.py` bounds how many lines of one kind there are."""

from app.service.logs.configure import configure_logging

__all__ = ["configure_logging"]
