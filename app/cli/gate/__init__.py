"""`sloburn gate` and `sloburn canary`: whether a change may go ahead, for pipelines.

Start at `command.py`; `reports.py` writes what GitHub, GitLab, Jenkins and others show.
"""

from app.cli.gate.canary import canary
from app.cli.gate.command import GateCommand, gate

__all__ = ["GateCommand", "canary", "gate"]
