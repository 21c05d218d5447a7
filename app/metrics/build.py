"""Which build of Sloburn is running."""

import platform
from dataclasses import dataclass
from importlib.metadata import version


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildInfo:
    """The version of Sloburn and of the Python it runs on."""

    version: str
    python: str

    @classmethod
    def current(cls) -> "BuildInfo":
        """The build of this process."""
        return cls(version=version("sloburn"), python=platform.python_version())
