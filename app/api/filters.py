"""The filters of a query string as a selection of SLOs."""

from collections.abc import Sequence

from app.api.problems import invalid
from app.slo import AlertState, SliKind
from app.status import DataState, HealthState, Selection, words_of


def selection(
    *,
    service: Sequence[str],
    status: Sequence[HealthState],
    label: Sequence[str],
    alert: Sequence[AlertState] = (),
    kind: Sequence[SliKind] = (),
    data: Sequence[DataState] = (),
    q: str = "",
) -> Selection:
    """What the parameters choose; labels are written ``name=value``."""
    return Selection(
        services=frozenset(service),
        states=frozenset(status),
        labels=frozenset(map(parse_label, label)),
        alerts=frozenset(alert),
        kinds=frozenset(kind),
        data=frozenset(data),
        words=words_of(q),
    )


def parse_label(text: str) -> tuple[str, str]:
    """A label written as ``name=value``."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise invalid(f"label={text!r} must be written as name=value")
    return name, value
