"""The command `sloburn`: thin commands over the packages below.

May import everything. Start at `application.py`; each other module is one command. A mistake of the user ends in one
clear line on standard error and an exit code, never in a traceback.
"""

from app.cli.application import run_command

__all__ = ["run_command"]
