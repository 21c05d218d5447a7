"""Settings as they may be shown: secrets masked."""

import re
from collections.abc import Mapping
from datetime import timedelta

from pydantic import SecretStr

from app.slo import format_duration

SECRET = "<secret>"  # noqa: S105  # stands in the place of secrets


def shown(value: object) -> str:
    """The value of a setting as text; empty where nothing is set."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, frozenset):
        return "+".join(sorted(map(str, value)))
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return (
        _masked_pairs(value) if isinstance(value, Mapping) else str(SECRET if isinstance(value, SecretStr) else value)
    )


def _masked_pairs(pairs: Mapping[str, object]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in pairs.items())


def without_password(url: str) -> str:
    """The URL with everything that can be a password masked: before the `@`, and in the query."""
    url = re.sub(r"://([^:@/]*):.*@", rf"://\1:{SECRET}@", url)
    return re.sub(r"(?i)((?:password|passfile|sslkey|token|secret)[^=&]*)=[^&]*", rf"\1={SECRET}", url)
