"""Secrets of receivers: kept in files or in the environment, read when they are needed, and redacted out of texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

from typing_extensions import override

from app.http import SecretFileError, is_header_value, known_secret, read_secret, read_secret_now
from app.http.failures import AttemptError, Failed, FailureReason

# Shorter secrets would blank common words of error texts.
_SHORTEST_REDACTED = 4
# Segments of a path; shorter ones, such as `v2`, are common words.
_SHORTEST_STEP = 8
_REDACTED = "<secret>"


class Secret(Protocol):
    """Something that must not be seen; its text does not show it."""

    async def read(self) -> str:
        """The secret itself, as it is now.

        Raises:
            AttemptError: it cannot be read, and never could.
        """

    def reveal(self) -> str:
        """As `read`, for threads that may wait."""

    def known(self) -> str | None:
        """The secret as it was last read, without waiting; None if it never was."""


class FixedSecret(Secret):
    """A secret that was known at the start."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @override
    async def read(self) -> str:
        return self._value

    @override
    def reveal(self) -> str:
        return self._value

    @override
    def known(self) -> str | None:
        return self._value

    @override
    def __eq__(self, other: object) -> bool:
        # A reload compares configurations to find out whether anything has changed.
        return isinstance(other, FixedSecret) and compare_digest(self._value.encode(), other._value.encode())

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    @override
    def __repr__(self) -> str:
        return f"FixedSecret({_REDACTED})"


class PlainValue(FixedSecret):
    """A public value in the place of a secret."""

    __slots__ = ()

    @override
    def __repr__(self) -> str:
        return f"PlainValue({self.reveal()!r})"


@dataclass(frozen=True, slots=True)
class FileSecret(Secret):
    """A secret in a file, read each time so that it can be changed while the service runs."""

    path: Path

    @override
    async def read(self) -> str:
        try:
            return await read_secret(self.path)
        except SecretFileError as error:
            raise self._unreadable(error) from error

    @override
    def reveal(self) -> str:
        try:
            return read_secret_now(self.path)
        except SecretFileError as error:
            raise self._unreadable(error) from error

    @override
    def known(self) -> str | None:
        return known_secret(self.path)

    def _unreadable(self, error: SecretFileError) -> AttemptError:
        detail = f"the secret in {self.path} cannot be read: {error}"
        return AttemptError(Failed(reason=FailureReason.UNAUTHORIZED, detail=detail))


async def header_of(name: str, secret: Secret, *, scheme: str = "") -> str:
    """The secret as the value of a header, after *scheme* if there is one.

    Raises:
        AttemptError: it cannot be read, or holds what no header can.
    """
    value = await secret.read()
    if not is_header_value(value):
        detail = f"the secret of the header {name} cannot be sent: it is not printable ASCII throughout"
        raise AttemptError(Failed(reason=FailureReason.UNAUTHORIZED, detail=detail))
    return f"{scheme} {value}" if scheme else value


def redacted(text: str, secrets: Iterable[Secret]) -> str:
    """The text without the secrets."""
    for secret in secrets:
        value = secret.known()
        if value is None:
            continue
        for part in sorted(_parts(value), key=len, reverse=True):
            text = text.replace(part, _REDACTED)
    return text


def _parts(value: str) -> set[str]:
    """The secret, and of a URL also what a server sees of it and may repeat, in whole or in pieces."""
    _, scheme, rest = value.partition("://")
    if not scheme:
        return {value} if len(value) >= _SHORTEST_REDACTED else set()
    path, _, query = rest.partition("/")[2].partition("?")
    pieces = {value, rest.partition("/")[2], path, query, *(text for _, text in parse_qsl(query))}
    long_steps = {step for step in path.split("/") if len(step) >= _SHORTEST_STEP}
    return {piece for piece in pieces if len(piece) >= _SHORTEST_REDACTED} | long_steps
