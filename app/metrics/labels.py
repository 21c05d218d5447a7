"""Labels of the exposition formats: names that every Prometheus reads, values that cannot break a line.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Collection, Iterable

_FORBIDDEN_CHARACTER = re.compile(r"[^a-zA-Z0-9_]")
_PREFIX = "exported_"

Label = tuple[str, str]


def exported_labels(labels: Iterable[Label], *, taken: Collection[str]) -> list[Label]:
    """The labels under names that are legal and free: one that is *taken* gets the prefix ``exported_``.

    >>> exported_labels([("route", "/pay"), ("service", "web")], taken={"slo", "service"})
    [('route', '/pay'), ('exported_service', 'web')]
    """
    used = set(taken)
    exported = []
    for name, value in labels:
        free = _legal(name)
        while free in used:
            free = _PREFIX + free
        used.add(free)
        exported.append((free, value))
    return exported


def render_labels(labels: Iterable[Label]) -> str:
    r"""The labels as written between the braces of a sample.

    >>> render_labels([("slo", "web"), ("route", 'a"b')])
    'slo="web",route="a\\\\"b"'
    """
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels)


def _legal(name: str) -> str:
    # Two leading underscores are reserved for Prometheus itself, which drops such labels on ingestion.
    legal = _FORBIDDEN_CHARACTER.sub("_", name)
    return _PREFIX + legal if legal.startswith("__") or not legal or legal[0].isdigit() else legal


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
