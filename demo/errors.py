"""What can end the demo.

DemoError
├── PortsInUseError      ports.py
├── MissingProgramError  programs.py
├── ImportFailedError    tsdb_blocks.py
├── ProcessEndedError    processes.py
└── ShopError            switch.py
"""


class DemoError(Exception):
    """The demo cannot go on; the message is one for its user."""
