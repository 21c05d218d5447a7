"""The errors that end a command of the demo.

DemoError
├── PortsInUseError      ports.py
├── MissingProgramError  programs.py
├── ImportFailedError    tsdb_blocks.py
├── StorageInUseError    tsdb_blocks.py
├── ProcessEndedError    processes.py
└── ShopError            switch.py
    └── RefusedError     switch.py
"""

from typing import ClassVar


class DemoError(Exception):
    """The command cannot go on; the text is for its user.

    *exit_code* is 2 where a flag or a file keeps the command from starting, else 1.
    """

    exit_code: ClassVar[int] = 1
