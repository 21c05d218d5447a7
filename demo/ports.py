"""The loopback ports of the demo, and which of them are in use."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, fields

from demo.errors import DemoError

HOST = "127.0.0.1"


class PortsInUseError(DemoError):
    """Ports that the demo needs are in use; the text names them and the flags that choose others."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One port for each part."""

    sloburn: int = 9720
    shop: int = 9721
    pager: int = 9722
    prometheus: int = 9723
    alertmanager: int = 9724

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return ((part.name, getattr(self, part.name)) for part in fields(self))

    def address(self, part: str) -> str:
        """Where *part* listens, as host:port."""
        return f"{HOST}:{getattr(self, part)}"

    def url(self, part: str) -> str:
        """The base URL of *part*, without a slash at the end."""
        return f"http://{self.address(part)}"


def require_free(ports: Ports) -> None:
    """Check that every port can be listened on.

    Raises:
        PortsInUseError: at least one is taken, or two parts were given the same.
    """
    taken = [f"{part} needs {port}: choose another with --{part}-port" for part, port in ports if _taken(port)]
    if taken:
        raise PortsInUseError("these ports of 127.0.0.1 are in use:\n  " + "\n  ".join(taken))
    if len({port for _, port in ports}) < len(list(ports)):
        raise PortsInUseError("two parts of the demo were given the same port")


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        # A port whose last connections are still fading is free to listen on; a listener is still noticed.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False
