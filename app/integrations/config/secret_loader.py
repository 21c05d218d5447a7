"""Where secrets come from: files and variables of the environment that the file names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import structlog

from app.http import SecretFileBlocksError
from app.http.failures import AttemptError
from app.http.secrets import FileSecret, FixedSecret, Secret
from app.slo import parse_duration
from app.yamldoc.findings import FieldFinding, FieldPath

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLoader:
    """Reads secrets and remembers which could not be; relative paths start at *folder*.

    *starting*: a file that blocks is no mistake of the configuration. Its receiver fails for as long as it does, and
    the others are notified; a service that does not start notifies none.
    """

    environment: Mapping[str, str]
    folder: Path
    starting: bool = False
    findings: list[FieldFinding] = field(default_factory=list)

    def add_finding(self, path: FieldPath, problem: str, remedy: str) -> None:
        """Something else is wrong."""
        self.findings.append(FieldFinding(path, problem, remedy))

    def check_durations(self, durations: Mapping[str, tuple[timedelta | None, str, str]], at: FieldPath) -> None:
        """Note those that are out of their range; each has its value, None if not given, and the least and the most."""
        for name, (value, least, most) in durations.items():
            if value is not None and not parse_duration(least) <= value <= parse_duration(most):
                self.add_finding((*at, name), "is out of range", f"write a duration from {least} to {most}")

    def path(self, path: Path) -> Path:
        """The path as it is meant."""
        return path if path.is_absolute() else self.folder / path

    def secret(
        self,
        file: Path | None,
        variable: str | None,
        at: FieldPath,
        name: str,
        *,
        plain: bool = False,
        forms: tuple[str, str] | None = None,
    ) -> Secret | None:
        """The secret that is given in one of two forms; None, and a complaint, where it is not.

        *plain*: the value itself may be written too, under *name*.
        """
        by_file, by_variable = forms or (f"{name}_file", f"{name}_env")
        ways = " or ".join((*([name] if plain else []), by_file, by_variable))
        if (file is None) is (variable is None):
            self.add_finding(at, "is given twice" if file else f"{name or 'the value'} is missing", f"write {ways}")
            return None
        if file is not None:
            return self._file(self.path(file), (*at, by_file))
        value = self.environment.get(variable or "", "")
        if not value.strip():
            self.add_finding(
                (*at, by_variable), f"the variable {variable} is not set", "set it, or name a file instead"
            )
            return None
        return FixedSecret(value.strip().strip("\ufeff"))

    def _file(self, path: Path, at: FieldPath) -> Secret | None:
        secret = FileSecret(path)
        try:
            secret.reveal()
        except AttemptError as error:
            if self.starting and isinstance(error.__cause__, SecretFileBlocksError):
                _log.warning("secret file blocks; it is read again for every message", path=str(path))
                return secret
            self.add_finding(at, str(error), "write the path of a file that can be read")
            return None
        return secret
