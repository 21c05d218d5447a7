"""Secrets of receivers: kept in files or in the environment, read when they are needed, and blotted out of texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl

from typing_extensions import override

from app.delivery.answers import AttemptError
from app.delivery.outcome import Failed, FailureReason

_SHORTEST_BLOTTED = 4
_SHORTEST_STEP = 8
"""Of a path: shorter ones, such as `v2`, are words of anybody's."""
_BLOT = "<secret>"


class Secret(Protocol):
    """Something that must not be seen; its text does not show it."""

    def reveal(self) -> str:
        """The secret itself.

        Raises:
            AttemptError: it cannot be read now.
        """


class FixedSecret(Secret):
    """A secret that was known at the start."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @override
    def reveal(self) -> str:
        return self._value

    @override
    def __eq__(self, other: object) -> bool:
        # So that a configuration that is read anew can be told from another.
        return isinstance(other, FixedSecret) and compare_digest(self._value.encode(), other._value.encode())

    @override
    def __hash__(self) -> int:
        return hash(self._value)

    @override
    def __repr__(self) -> str:
        return f"FixedSecret({_BLOT})"


@dataclass(frozen=True, slots=True)
class FileSecret(Secret):
    """A secret in a file, read anew each time so that it can be changed while the service runs."""

    path: Path

    @override
    def reveal(self) -> str:
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(f"the secret in {self.path} cannot be read") from error
        if not text:
            raise _unreadable(f"the file {self.path} holds no secret")
        return text


def blotted(text: str, secrets: Iterable[Secret]) -> str:
    """The text without the secrets."""
    for secret in secrets:
        try:
            value = secret.reveal()
        except AttemptError:
            continue
        for part in sorted(_parts(value), key=len, reverse=True):
            text = text.replace(part, _BLOT)
    return text


def _parts(value: str) -> set[str]:
    """The secret, and of a URL also what a server sees of it and may repeat, in whole or in pieces."""
    _, scheme, rest = value.partition("://")
    if not scheme:
        return {value} if len(value) >= _SHORTEST_BLOTTED else set()
    path, _, query = rest.partition("/")[2].partition("?")
    pieces = {value, rest.partition("/")[2], path, query, *(text for _, text in parse_qsl(query))}
    long_steps = {step for step in path.split("/") if len(step) >= _SHORTEST_STEP}
    return {piece for piece in pieces if len(piece) >= _SHORTEST_BLOTTED} | long_steps


def _unreadable(detail: str) -> AttemptError:
    return AttemptError(Failed(reason=FailureReason.UNAUTHORIZED, detail=detail))
