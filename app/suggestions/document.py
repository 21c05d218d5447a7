"""Proposals as native documents, with comments on what each number rests on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import numpy as np

from app.documents.native.writing.scalars import written_percent
from app.documents.native.writing.slis import written_selector, written_threshold
from app.promql.selector_text import render
from app.slo import Selector, format_duration, format_percent, rounded_percent
from app.suggestions.objectives import DAY, Basis, ProposedObjective, budget_text
from app.suggestions.proposals import GroupFigures, Proposal, ServiceProposals, Suggestions
from app.suggestions.slis import CountedEvents, FastEvents, GoodSamples, SummedGauges, ValueWithin
from app.wording.sentences import number
from app.yamldoc.writing import CommentedDocument, Written, written_number, yaml_text

WHY_NOT_100 = (
    "100% is never suggested: it leaves no budget, so that the first failure exhausts it and every change is a risk; "
    "and no user can tell it from a little less, since what lies between users and service fails more often."
)
_WHAT_IT_IS = (
    "An objective is the highest usual one that all days together and nine of ten days reached. It says what was, not "
    "what users need: agree on it with those who depend on the service."
)
_RUNBOOK = (
    "Add what pages should say, such as alerting: {annotations: {runbook_url: https://...}}; `sloburn check` warns of "
    "SLOs without one."
)
_EVERY = "1m"
# Enough to tell 99.99% from 99.999%; more is chance even with millions of events.
_MEASURED_DIGITS = 4
_WHY: dict[Basis, str] = {
    Basis.HISTORY: "The highest usual objective that history reached",
    Basis.FEW_FAILURES: "The highest usual objective that history supports; after so few bad events it may be too high",
    Basis.LITTLE_TRAFFIC: "Not by history: it has too few events; at most a conventional objective to start with",
    Basis.SHORT_HISTORY: "Not by history: it has less than a day; at most a conventional objective to start with",
    Basis.NO_HISTORY: "Not by history: it has no events; a conventional objective to start with",
    Basis.MOSTLY_BAD: "Not by history: most events were bad",
}


def document_text(suggestions: Suggestions) -> str:
    """One document for each service, with its alternatives as comments below it."""
    parts: list[str] = []
    for service in suggestions.services:
        chosen = [proposal for proposal in service.proposals if not proposal.doubt]
        others = [proposal for proposal in service.proposals if proposal.doubt]
        head = _head(service, suggestions) if not parts else _of_service(service)
        text = _text(service.service, chosen, head, suggestions) if chosen else _no_document(head)
        parts.append(text + _alternatives(others, suggestions, has_document=bool(chosen)))
    return "---\n".join(parts)


def _text(service: str, proposals: Sequence[Proposal], head: Sequence[str], suggestions: Suggestions) -> str:
    comments: dict[tuple[str | int, ...], Sequence[str]] = {}
    for i, proposal in enumerate(proposals):
        for path, lines in _comments(proposal, suggestions).items():
            comments["slos", i, *path] = lines
    root: dict[str, Written] = {
        "service": service,
        **({} if suggestions.source is None else {"source": suggestions.source}),
        "slos": [slo_keys(proposal, suggestions.window) for proposal in proposals],
    }
    return yaml_text([CommentedDocument(root=root, head=head, comments=comments)])


def slo_keys(proposal: Proposal, window: timedelta) -> dict[str, Written]:
    """The entry of a proposal below `slos`."""
    return {
        "name": proposal.candidate.name,
        "description": proposal.candidate.description,
        "objective": written_percent(proposal.objective.objective),
        "window": format_duration(window),
        "sli": _sli(proposal),
    }


def written_bound(proposal: Proposal, bound: float) -> Written:
    """A bound as the document has it: a duration where the histogram measures seconds."""
    sli = proposal.candidate.sli
    if isinstance(sli, FastEvents):
        return written_threshold(Decimal(repr(bound)), sli.histogram)
    return written_number(bound)


def days_sentence(proposal: Proposal) -> str:
    """What days were like."""
    days = proposal.days
    if not days.days or days.worst_start is None:
        return "No day has events."
    worst, tenth, median = (percent(value) for value in (days.worst, days.percentile, days.median))
    return (
        f"Days: worst {worst} (from {days.worst_start:%Y-%m-%d %H:%M} UTC), 10th percentile {tenth}, median {median}."
    )


def percent(ratio: float) -> str:
    """A measured ratio in percent, never rounded to 100%; `unknown` where there is none."""
    if np.isnan(ratio):
        return "unknown"
    text = rounded_percent(ratio, _MEASURED_DIGITS)
    return "> 99.9999%" if text == "100%" and ratio < 1 else text


def why_objective(objective: ProposedObjective) -> str:
    """What an objective rests on."""
    return _WHY[objective.basis]


def _sli(proposal: Proposal) -> dict[str, Written]:
    sli = proposal.candidate.sli
    match sli:
        case CountedEvents():
            write = _count if sli.is_native else render
            return {"total": " + ".join(map(write, sli.totals)), "bad": write(sli.bad)}
        case FastEvents():
            threshold = written_bound(proposal, proposal.bound or 0.0)
            return {"histogram": sli.histogram, **written_selector(sli.matchers), "threshold": threshold}
        case GoodSamples():
            return {"gauge": render(sli.gauge)}
        case SummedGauges():
            return {"gauge": {"total": render(sli.total), "bad" if sli.part_is_bad else "good": render(sli.part)}}
        case ValueWithin():
            good_when = f"{'>=' if sli.at_least else '<'} {written_number(proposal.bound or 0.0)}"
            return {"expression": sli.expression, "good_when": good_when, "every": _EVERY}


def _count(selector: Selector) -> str:
    return f"histogram_count(sum(rate({render(selector)}[w])))"


def _head(service: ServiceProposals, suggestions: Suggestions) -> list[str]:
    left_out = [f"Not looked at: {', '.join(suggestions.left_out)}."] if suggestions.left_out else []
    return [
        f"Suggested by `sloburn suggest`, {suggestions.at:%Y-%m-%d %H:%M} UTC, by {suggestions.days} days of history.",
        "The figures are estimates, by increase() over each hour; Sloburn counts exactly, and may differ a little.",
        _WHAT_IT_IS,
        WHY_NOT_100,
        _RUNBOOK,
        *left_out,
        *(f"Could not be looked at: {text}" for text in suggestions.unreadable),
        *_of_service(service),
    ]


def _of_service(service: ServiceProposals) -> list[str]:
    return [
        f"Service {service.service}, recognised by its metrics:",
        *(f"- {name}{f' ({source})' if source else ''}" for name, source in service.instrumentations),
        *(f"Not suggested: {remark}." for remark in service.remarks),
        *(f"Figures may be too low: {caution}." for caution in service.cautions),
    ]


def _no_document(head: Sequence[str]) -> str:
    return "".join(f"# {line}\n" for line in head)


def _comments(proposal: Proposal, suggestions: Suggestions) -> Mapping[tuple[str | int, ...], Sequence[str]]:
    candidate = proposal.candidate
    comments: dict[tuple[str | int, ...], Sequence[str]] = {
        (): [f"{candidate.signal.capitalize()}, by {candidate.instrumentation}."],
        ("objective",): [f"{why_objective(proposal.objective)}.", *_basis(proposal, suggestions)],
        ("sli",): [*candidate.notes, *_groups(proposal)],
    }
    if proposal.bound is not None:
        key = "threshold" if isinstance(candidate.sli, FastEvents) else "good_when"
        comments["sli", key] = list(_why_bound(proposal))
    return comments


def _basis(proposal: Proposal, suggestions: Suggestions) -> Iterator[str]:
    counts, days = proposal.counts, proposal.days
    if counts.events <= 0:
        return
    of_time = isinstance(proposal.candidate.sli, ValueWithin)
    events = "minutes" if of_time else "samples" if isinstance(proposal.candidate.sli, GoodSamples) else "events"
    hours = round(counts.known / timedelta(hours=1))
    span = f"{days.days} days" if counts.known >= 2 * DAY else f"{hours} {'hour' if hours == 1 else 'hours'}"
    yield (
        f"{span} with data before {suggestions.at:%Y-%m-%d %H:%M} UTC: {number(round(counts.events))} {events}, "
        f"{number(round(counts.bad_events))} bad: {percent(counts.ratio)} good."
    )
    yield days_sentence(proposal)
    left = ", ".join(f"{budget_text(left)} at {format_percent(step)}" for step, left in proposal.objective.budgets)
    yield f"Budget that would have been left: {left}."


def _groups(proposal: Proposal) -> Iterator[str]:
    figures = {one.label: one for one in proposal.groups}
    for label, count in proposal.candidate.groups:
        of_day = "" if label not in figures else f"; {_of_day(figures[label], proposal.objective.objective)}"
        yield f"For an SLO for each {label} ({count} values so far), add below: by: [{label}]{of_day}"


def _of_day(figures: GroupFigures, objective: float) -> str:
    met = f"{figures.met} of {figures.known} kept {format_percent(objective)} on the last day"
    return f"{met}, and {figures.least_value} was lowest, with {percent(figures.least)} good"


def _why_bound(proposal: Proposal) -> Iterator[str]:
    if isinstance(proposal.candidate.sli, FastEvents):
        yield "One of the bounds of its buckets, so that the count is exact."
        if proposal.percentiles:
            found = (
                f"{percentile:g}%: {'above all bounds' if bound is None else f'<= {written_bound(proposal, bound)}'}"
                for percentile, bound in proposal.percentiles
            )
            yield f"Percentiles of all days: {', '.join(found)}."
        if proposal.others:
            others = (f"{written_bound(proposal, bound)}: {percent(share)}" for bound, share in proposal.others)
            yield f"Share of events within other bounds: {', '.join(others)}."
    elif isinstance(proposal.candidate.sli, ValueWithin) and proposal.candidate.sli.at_least:
        yield "Half of what the quietest hundredth of the time had."
    else:
        yield "By the values every five minutes."


def _alternatives(proposals: Sequence[Proposal], suggestions: Suggestions, *, has_document: bool) -> str:
    """Alternatives as comments: each is an entry of `slos` once the signs in front of its lines are removed."""
    if not proposals:
        return ""
    lines = ["Alternatives, to be decided by you: remove the first '# ' of the lines of one to use it."]
    for proposal in proposals:
        lines += ["", f"# {proposal.candidate.name}: {proposal.doubt}."]
        if isinstance(proposal.candidate.sli, FastEvents | ValueWithin) and proposal.bound is None:
            continue
        text = _text("x", [proposal], (), suggestions)
        # Without `service:` and `slos:`, the first two lines.
        lines += [line.removeprefix("  ") for line in text.splitlines()[2:]]
    indent = "  # " if has_document else "# "
    return "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)
