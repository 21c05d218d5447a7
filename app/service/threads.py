"""How the threads of the process take turns."""

import sys

# Python's own figure is 5 ms. Each time the event loop has read or written, an evaluation that computes keeps the
# interpreter for as long: fifty answers of the gate, of two turns each, would wait for half a second.
_TURN_S = 0.001


def shorten_turns() -> None:
    """Let the event loop have the interpreter soon while another thread computes; to be called once."""
    sys.setswitchinterval(_TURN_S)
