"""Whether the service of this container answers, as exit code: the HEALTHCHECK of the image.

Only the standard library is imported: a container engine runs this every few seconds.
"""

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

_FLAG = "--listen-address"
_VARIABLE = "SLOBURN_LISTEN_ADDRESS"
_DEFAULT = "127.0.0.1:9720"
# Addresses to listen on that cannot be connected to.
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
# Below the 5 s that the image gives its health check.
_TIMEOUT_S = 4.0
# The command line of the service, which is the first process of its container.
_SERVICE = Path("/proc/1/cmdline")


def address(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, int]:
    """Host and port where a service with this command line and environment is reached.

    >>> address(["sloburn", "serve", "--listen-address", ":9000"], {})
    ('127.0.0.1', 9000)
    >>> address(["sloburn", "serve"], {"SLOBURN_LISTEN_ADDRESS": "[::]:9001"})
    ('::1', 9001)
    """
    given = environment.get(_VARIABLE) or _DEFAULT
    for position, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag == _FLAG:
            given = value if equals else "".join(arguments[position + 1 : position + 2])
    host, _, port = given.rpartition(":")
    host = host.strip("[]")
    return _WILDCARDS.get(host, host), int(port)


def exit_code() -> int:
    """The exit code: 0 if the service answers that it is healthy, else 1."""
    arguments = _SERVICE.read_bytes().decode(errors="replace").split("\0")
    try:
        connection = http.client.HTTPConnection(*address(arguments, os.environ), timeout=_TIMEOUT_S)
        with closing(connection):
            connection.request("GET", "/-/healthy")
            return int(connection.getresponse().status != HTTPStatus.OK)
    except (OSError, ValueError, http.client.HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(exit_code())
