"""What can end the demo.

DemoError
├── PortsInUseError      ports.py
├── MissingProgramError  programs.py
├── ImportFailedError    blocks.py
├── ChildDiedError       children.py
└── ShopError            switch.py
"""


class DemoError(Exception):
    """The demo cannot go on; the message is one for its user."""
