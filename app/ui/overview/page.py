"""The route of the overview."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.slo import AlertState, SliKind
from app.status import (
    WORST_FIRST,
    Board,
    BoardContent,
    DataState,
    Snapshot,
    SortColumn,
    alert_states,
    burn_now,
    ordered,
)
from app.ui.filters import sent_by_a_form
from app.ui.overview import sparkline
from app.ui.overview.attention import Attention, attention
from app.ui.overview.groups import Listing, listing
from app.ui.overview.query import BY_LABEL, BY_SERVICE, UNGROUPED, OverviewQuery
from app.ui.overview.sparkline import BurnDowns, NoBurnDowns
from app.ui.rendering import Renderer

# A longer list to choose from is of no help: the search finds them.
_MOST_CHOICES = 100
# Readers look at the same few views again and again, most of them at the first page.
_VIEWS_KEPT = 32
_COLUMNS = (
    (SortColumn.NAME, "SLO", ""),
    (SortColumn.OBJECTIVE, "Objective", "num"),
    (SortColumn.SLI, "SLI", "num"),
    (SortColumn.BUDGET, "Budget left", "num"),
    (SortColumn.BURN_RATE, "Burn, 1h", "num"),
    (SortColumn.ALERT, "Alerts", ""),
    (SortColumn.DATA, "Data", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """How many SLOs are in a state, and the query string that shows only these; *filter* is the name of the filter."""

    filter: str
    state: str
    words: str
    count: int
    query: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What all SLOs can be filtered and grouped by; empty where there is too much to choose from."""

    services: Sequence[str]
    labels: Sequence[str]
    groups: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, snapshots: Iterable[Snapshot]) -> "Choices":
        """The choices that the snapshots leave."""
        services: set[str] = set()
        pairs: set[tuple[str, str]] = set()
        # Snapshots share the labels of their documents: each set of them is looked at once.
        for labels in {(found.slo.service, found.slo.labels, found.group) for found in snapshots}:
            services.add(labels[0])
            pairs.update(labels[1], labels[2])
        names = sorted({name for name, _ in pairs})
        by_label = [(f"{BY_LABEL}{name}", name) for name in names][:_MOST_CHOICES]
        return cls(
            services=sorted(services) if len(services) <= _MOST_CHOICES else (),
            labels=[f"{name}={value}" for name, value in sorted(pairs)] if len(pairs) <= _MOST_CHOICES else (),
            groups=[(BY_SERVICE, "service"), *by_label, (UNGROUPED, "not grouped")],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What a query shows of one evaluation: *count* SLOs, a page of which is listed."""

    count: int
    cards: Sequence[Card]
    attention: Attention
    listing: Listing

    @classmethod
    def of(cls, known: BoardContent, query: OverviewQuery) -> "_View":
        others = replace(query, status=()).selection.of(known.snapshots)
        states = frozenset(query.status)
        chosen = ordered(
            [found for found in others if not states or found.health in states], query.sort, descending=query.descending
        )
        return cls(
            count=len(chosen),
            cards=_cards(query, others),
            attention=attention(known, chosen, filtered=bool(query.filters), by_status=bool(states)),
            listing=listing(chosen, query),
        )


class _Known:
    """The choices and views of the newest evaluation, made once: to sort 10,000 SLOs takes a tenth of a second."""

    def __init__(self) -> None:
        self._snapshots: tuple[Snapshot, ...] | None = None
        self._choices = Choices(services=(), labels=(), groups=())
        self._views: tuple[BoardContent | None, dict[OverviewQuery, _View]] = (None, {})

    def choices(self, snapshots: tuple[Snapshot, ...]) -> Choices:
        if self._snapshots is not snapshots:
            self._snapshots, self._choices = snapshots, Choices.of(snapshots)
        return self._choices

    def view(self, known: BoardContent, query: OverviewQuery) -> _View:
        content, views = self._views
        if content is not known or len(views) >= _VIEWS_KEPT:
            views = {}
            self._views = known, views
        found = views.get(query)
        if found is None:
            found = views[query] = _View.of(known, query)
        return found


def overview_page(board: Board, renderer: Renderer, burn_downs: BurnDowns | None = None) -> APIRouter:
    """The route ``/``."""
    router = APIRouter(include_in_schema=False)
    known_of, lines = _Known(), burn_downs or NoBurnDowns()

    @router.get("/")
    def overview(request: Request) -> Response:
        query = OverviewQuery.parse(request.query_params.multi_items())
        if sent_by_a_form(request):
            return RedirectResponse(f"{renderer.prefix}/{query.canonical}", HTTPStatus.SEE_OTHER)
        known = board.current
        view = known_of.view(known, query)
        page = renderer.page(
            request,
            "overview.html",
            query=query,
            total=len(known.snapshots),
            count=view.count,
            cards=view.cards,
            attention=view.attention,
            listing=view.listing,
            lines=lines.burn_downs(view.listing.shown),
            line=sparkline.line,
            zero=sparkline.zero,
            burn_now=burn_now,
            columns=_COLUMNS,
            choices=known_of.choices(known.snapshots),
            kinds=tuple(SliKind),
            states=WORST_FIRST,
            alert_states=tuple(AlertState),
            data_states=tuple(DataState),
            by_label=BY_LABEL,
        )
        if request.headers.get("hx-source", "").startswith("form"):
            page.headers["HX-Push-Url"] = f"{renderer.prefix}/{query.canonical}"
        return page

    return router


def _cards(query: OverviewQuery, others: Sequence[Snapshot]) -> list[Card]:
    """How many SLOs there are in each state, if the other filters stay as they are."""
    health = Counter(found.health for found in others)
    alerts = Counter(state for found in others for state in alert_states(found))
    shown: list[tuple[str, str, str, int]] = [
        *(("status", state, state.replace("_", " "), health[state]) for state in WORST_FIRST),
        ("alert", AlertState.FIRING, "alerting", alerts[AlertState.FIRING]),
        ("alert", AlertState.FROZEN, "frozen", alerts[AlertState.FROZEN]),
    ]
    return [
        Card(
            filter=name,
            state=state,
            words=words,
            count=count,
            query=query.with_choice(name, state),
            chosen=getattr(query, name) == (state,),
        )
        for name, state, words, count in shown
    ]
