"""Where the programs are that the demo starts and did not bring."""

import os
import shutil
from dataclasses import dataclass

from demo.errors import DemoError


class MissingProgramError(DemoError):
    """A program is not installed; the text says how to get it."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Paths of the programs; the environment's PROMETHEUS, PROMTOOL and ALERTMANAGER choose others."""

    prometheus: str
    promtool: str
    alertmanager: str

    @classmethod
    def find(cls) -> "Programs":
        """The programs that are named in the environment or found on PATH.

        Raises:
            MissingProgramError: one of them is not there.
        """
        return cls(
            prometheus=_find("PROMETHEUS", "prometheus"),
            promtool=find_promtool(),
            alertmanager=_find("ALERTMANAGER", "prometheus-alertmanager", "alertmanager"),
        )


def find_promtool() -> str:
    """Prometheus's promtool.

    Raises:
        MissingProgramError: it is not there.
    """
    return _find("PROMTOOL", "promtool")


def _find(variable: str, *names: str) -> str:
    for name in (os.environ.get(variable), *names):
        if name and (path := shutil.which(name)):
            return path
    raise MissingProgramError(
        f"{names[0]} is not installed: run scripts/setup (Debian packages prometheus and prometheus-alertmanager), "
        f"or set {variable} to the path of the program"
    )
