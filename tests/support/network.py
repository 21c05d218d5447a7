"""A network of its own, whose packets a test can drop without a word: connections hang, as where a switch has died.

It needs the rights to make network namespaces (root on Linux), `ip` and `tc`.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count

# Lets through less than a packet: of what a kernel may have to drop packets with, the token bucket is everywhere.
_NOTHING = ("root", "tbf", "rate", "8bit", "burst", "1", "limit", "1")
_numbers = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A network namespace: *inside* is its address, *outside* that of this host, as it is reached from inside."""

    name: str
    inside: str
    outside: str

    @property
    def prefix(self) -> Sequence[str]:
        """What a command begins with to run inside."""
        return ("ip", "netns", "exec", self.name)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Drop every packet in both directions, until the end of the block."""
        ends = ((), f"{self.name}a"), (self.prefix, f"{self.name}b")
        for where, device in ends:
            _run(*where, "tc", "qdisc", "add", "dev", device, *_NOTHING)
        try:
            yield
        finally:
            for where, device in ends:
                _run(*where, "tc", "qdisc", "del", "dev", device, "root")


@contextmanager
def namespace() -> Iterator[Namespace]:
    """A namespace that only this host can reach.

    Raises:
        CalledProcessError: we may not make one.
    """
    # Names of devices have at most 15 characters; pairs of addresses of 10.214.0.0/16 are of no other run.
    number = (os.getpid() * 8 + next(_numbers)) % (1 << 14)
    base = number * 4
    name = f"slo{number}"
    inside, outside = (f"10.214.{(base + place) >> 8}.{(base + place) & 255}" for place in (2, 1))
    made = Namespace(name=name, inside=inside, outside=outside)
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "link", "add", f"{name}a", "type", "veth", "peer", "name", f"{name}b", "netns", name)
        _run("ip", "addr", "add", f"{outside}/30", "dev", f"{name}a")
        _run("ip", "link", "set", f"{name}a", "up")
        _run("ip", "-n", name, "addr", "add", f"{inside}/30", "dev", f"{name}b")
        for device in ("lo", f"{name}b"):
            _run("ip", "-n", name, "link", "set", device, "up")
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            _run("ip", "link", "del", f"{name}a")
        _run("ip", "netns", "del", name)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
