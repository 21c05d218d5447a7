"""Labels of the exposition formats: names that every Prometheus reads, values that cannot break a line.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Collection, Iterable

from app.slo import classic_label_name

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
        free = classic_label_name(name)
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


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
