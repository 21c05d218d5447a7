"""The figures behind suggestions: as tables within 80 columns, and for machines."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.documents import with_noun
from app.slo import format_percent
from app.suggestions import (
    WHY_NOT_100,
    Proposal,
    ServiceProposals,
    Suggestions,
    document_text,
    percent,
    why_objective,
    written_bound,
)
from app.suggestions.objectives import SHOWN, Basis, budget_text
from app.wording.sentences import listed

_MOST_NAMED = 10
_SOUND = frozenset({Basis.HISTORY, Basis.FEW_FAILURES})


def figures_table(suggestions: Suggestions, console: Console) -> None:
    """What was found; what days were like, and which budget each objective would have had left; then remarks."""
    for line in _found(suggestions):
        console.print(line, markup=False)
    console.print()
    console.print(_days(suggestions.services))
    console.print()
    console.print("Budget that would have been left; * is at the suggested objective:")
    console.print(_budgets(suggestions.services))
    console.print()
    for line in _remarks(suggestions):
        console.print(line, markup=False, soft_wrap=True)


def _found(suggestions: Suggestions) -> Iterator[str]:
    """How many SLOs are suggested for which services, and by what each was recognised."""
    every = [proposal for service in suggestions.services for proposal in service.proposals]
    chosen = sum(not proposal.doubt for proposal in every)
    alternatives = f" and {with_noun(len(every) - chosen, 'alternative')}" if chosen < len(every) else ""
    services, days = with_noun(len(suggestions.services), "service"), with_noun(suggestions.days, "day")
    yield f"{with_noun(chosen, 'SLO')}{alternatives} for {services}, from {days} of history:"
    for service in suggestions.services[:_MOST_NAMED]:
        yield f"  {service.service}: {', '.join(name for name, _ in service.instrumentations)}"
    if len(suggestions.services) > _MOST_NAMED:
        yield f"  and {len(suggestions.services) - _MOST_NAMED:,} more"


def figures_document(suggestions: Suggestions) -> dict[str, Any]:
    """Everything for machines, with the documents as text."""
    return {
        "at": suggestions.at,
        "days": suggestions.days,
        "window_seconds": suggestions.window.total_seconds(),
        "services": [_service(service) for service in suggestions.services],
        "left_out": list(suggestions.left_out),
        "unreadable": list(suggestions.unreadable),
        "why_not_100": WHY_NOT_100,
        "document": document_text(suggestions),
    }


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("SLO", overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _days(services: Sequence[ServiceProposals]) -> Table:
    table = _table("days", "worst", "10th pct", "median", "objective")
    for service in services:
        table.add_row(Text(service.service, style="bold"))
        for proposal in service.proposals:
            days = proposal.days
            mark = "?" if proposal.doubt else "" if proposal.objective.basis in _SOUND else "!"
            figures = (percent(days.worst), percent(days.percentile), percent(days.median))
            objective = f"{mark} {format_percent(proposal.objective.objective)}".lstrip()
            table.add_row(_name(proposal), str(days.days), *figures, objective)
    return table


def _budgets(services: Sequence[ServiceProposals]) -> Table:
    table = _table(*map(format_percent, SHOWN), "other")
    for service in services:
        table.add_row(Text(service.service, style="bold"))
        for proposal in service.proposals:
            chosen, left = proposal.objective.objective, dict(proposal.objective.budgets)
            shown = [
                f"{'*' if step == chosen else ''}{budget_text(left[step])}" if step in left else "-" for step in SHOWN
            ]
            other = (
                f"*{budget_text(left[chosen])} at {format_percent(chosen)}" if chosen in set(left) - set(SHOWN) else ""
            )
            table.add_row(_name(proposal), *shown, other)
    return table


def _name(proposal: Proposal) -> Text:
    # Text, not str: markup in a name is not meant.
    return Text(f"  {proposal.candidate.name}")


def _remarks(suggestions: Suggestions) -> Iterator[str]:
    proposals = [proposal for service in suggestions.services for proposal in service.proposals]
    if any(proposal.objective.basis not in _SOUND and not proposal.doubt for proposal in proposals):
        yield "! no objective by history:"
    for proposal in proposals:
        if proposal.objective.basis not in _SOUND and not proposal.doubt:
            yield f"  {proposal.id}: {why_objective(proposal.objective).removeprefix('Not by history: ')}"
    if any(proposal.doubt for proposal in proposals):
        yield "? only an alternative, written as a comment:"
    yield from (f"  {proposal.id}: {proposal.doubt}" for proposal in proposals if proposal.doubt)
    yield from (
        f"{service.service}: not suggested: {remark}" for service in suggestions.services for remark in service.remarks
    )
    yield from (
        f"{service.service}: figures may be too low: {caution}"
        for service in suggestions.services
        for caution in service.cautions
    )
    if suggestions.left_out:
        yield f"not looked at: {listed(suggestions.left_out, _MOST_NAMED)}; give --services, a selector or --job"
    yield from (f"could not be looked at: {text}" for text in suggestions.unreadable)
    yield "Figures are estimates by increase(); Sloburn counts exactly."


def _service(service: ServiceProposals) -> dict[str, Any]:
    return {
        "service": service.service,
        "instrumentations": [{"name": name, "source": source or None} for name, source in service.instrumentations],
        "slos": [_proposal(proposal) for proposal in service.proposals],
        "remarks": list(service.remarks),
        "cautions": list(service.cautions),
    }


def _proposal(proposal: Proposal) -> dict[str, Any]:
    counts, days, objective = proposal.counts, proposal.days, proposal.objective
    return {
        "id": proposal.id,
        "name": proposal.candidate.name,
        "signal": str(proposal.candidate.signal),
        "instrumentation": proposal.candidate.instrumentation,
        "source": proposal.candidate.source or None,
        "is_alternative": bool(proposal.doubt),
        "doubt": proposal.doubt or None,
        "objective": objective.objective,
        "basis": str(objective.basis),
        "reached": _known(objective.reached),
        "threshold": None if proposal.bound is None else written_bound(proposal, proposal.bound),
        "bound": proposal.bound,
        "events": {"total": counts.events, "bad": counts.bad_events},
        "sli": _known(counts.ratio),
        "days": {
            "count": days.days,
            "worst": _known(days.worst),
            "worst_start": days.worst_start,
            "percentile_10": _known(days.percentile),
            "median": _known(days.median),
            "values": [
                {"start": start, "total": total, "bad": bad, "sli": _known(ratio)}
                for start, total, bad, ratio in zip(
                    counts.starts, counts.total.tolist(), counts.bad.tolist(), counts.ratios.tolist(), strict=True
                )
            ],
        },
        "budgets": [{"objective": step, "remaining_ratio": left} for step, left in objective.budgets],
        "days_missed": objective.days_missed,
        "groups": [{"label": label, "values": count} for label, count in proposal.candidate.groups],
        "notes": list(proposal.candidate.notes),
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
