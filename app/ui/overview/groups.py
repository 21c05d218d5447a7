"""The rows of the overview: groups of SLOs, each one row with its worst member, and the members of open ones."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.slo import AlertState, SloId
from app.status import HealthState, Snapshot, SortColumn, alert_states, order_key
from app.ui.overview.query import BY_LABEL, BY_SERVICE, UNGROUPED, OverviewQuery

# More rows are too many to read; each costs the browser as much as the server.
GROUPS_A_PAGE = 50
ROWS_A_PAGE = 100
MEMBERS_SHOWN = 50
# Where all of it is one page, all groups are open.
OPEN_ALL_UP_TO = 40
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One SLO, or the worst of *members* where it has groups of its own."""

    slo: Snapshot
    members: int = 1

    @property
    def page_id(self) -> SloId:
        """The id of the page that shows it: of a group that of the whole."""
        return self.slo.id if self.members == 1 else self.slo.slo.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """SLOs that share a service or the value of a label.

    *toggle* is the query string that opens or closes it, *all* the one that lists nothing but its members; *rows* are
    there if it is open, *hidden* is how many more there are.
    """

    name: str
    worst: Snapshot
    size: int
    counts: Counter[HealthState]
    firing: int
    is_open: bool
    toggle: str
    all: str
    rows: Sequence[Row]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of groups, or of rows without groups; *pages* is how many there are."""

    groups: Sequence[Group] = ()
    rows: Sequence[Row] = ()
    page: int = 1
    pages: int = 1

    @property
    def shown(self) -> list[Snapshot]:
        """Every snapshot that has a row."""
        members = [row.slo for group in self.groups for row in group.rows]
        return [*(row.slo for row in self.rows), *(group.worst for group in self.groups), *members]


def listing(chosen: Sequence[Snapshot], query: OverviewQuery) -> Listing:
    """The page that *query* asks for of the *chosen* SLOs, which are in its order."""
    if query.group == UNGROUPED:
        rows, page, pages = _page(chosen, query.page, ROWS_A_PAGE)
        return Listing(rows=[Row(slo=snapshot) for snapshot in rows], page=page, pages=pages)
    value = _value_of(query.group)
    members: dict[str, list[Snapshot]] = {}
    for snapshot in chosen:
        members.setdefault(value(snapshot), []).append(snapshot)
    opens = len(chosen) <= OPEN_ALL_UP_TO or len(members) == 1
    names, page, pages = _page(list(members), query.page, GROUPS_A_PAGE)
    return Listing(groups=[_group(name, members[name], query, opens=opens) for name in names], page=page, pages=pages)


def _group(name: str, members: Sequence[Snapshot], query: OverviewQuery, *, opens: bool) -> Group:
    is_open = name not in query.close if opens else name in query.open
    rows = _folded(members) if is_open else []
    return Group(
        name=name,
        worst=min(members, key=order_key(SortColumn.STATUS)),
        size=len(members),
        counts=Counter(member.health for member in members),
        firing=sum(AlertState.FIRING in alert_states(member) for member in members),
        is_open=is_open,
        toggle=_toggle(query, "close" if opens else "open", name),
        all=_only(query, name),
        rows=rows[:MEMBERS_SHOWN],
        hidden=max(0, len(rows) - MEMBERS_SHOWN),
    )


def _toggle(query: OverviewQuery, parameter: str, name: str) -> str:
    listed: tuple[str, ...] = getattr(query, parameter)
    changed = tuple(each for each in listed if each != name) if name in listed else (*listed, name)
    return query.url(**{parameter: changed, "page": query.page})


def _only(query: OverviewQuery, name: str) -> str:
    ungrouped = {"group": UNGROUPED, "open": (), "close": ()}
    if query.group == BY_SERVICE:
        return query.url(service=(name,), **ungrouped)
    label = query.group.removeprefix(BY_LABEL)
    return query.url(label=(*query.label, f"{label}={name}"), **ungrouped)


def _value_of(group: str) -> Callable[[Snapshot], str]:
    """What SLOs are grouped by; empty for those that lack the label."""
    if not group.startswith(BY_LABEL):
        return lambda snapshot: snapshot.slo.service
    label = group.removeprefix(BY_LABEL)
    return lambda snapshot: dict((*snapshot.slo.labels, *snapshot.group)).get(label, "")


def _folded(members: Iterable[Snapshot]) -> list[Row]:
    """One row for each SLO, in the order of their first members; of its own groups the worst one is shown."""
    by_slo: dict[SloId, list[Snapshot]] = {}
    for member in members:
        by_slo.setdefault(member.slo.id, []).append(member)
    worst = order_key(SortColumn.STATUS)
    return [Row(slo=min(found, key=worst), members=len(found)) for found in by_slo.values()]


def _page(items: Sequence[_Item], page: int, size: int) -> tuple[Sequence[_Item], int, int]:
    """The items of a page, its number, which is the last one's where there are fewer, and how many pages there are."""
    pages = max(1, -(-len(items) // size))
    page = min(page, pages)
    return items[(page - 1) * size : page * size], page, pages
