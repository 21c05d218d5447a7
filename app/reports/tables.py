"""A report as CSV for spreadsheets, as Markdown for wikis and messages, and as a page to print or to mail."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from html import escape

from markdown_it import MarkdownIt

from app.reports.figures import PeriodVerdict, SloFigures
from app.reports.report import ObjectivesReport
from app.reports.toil import WORTH_A_PAGE
from app.slo import UNKNOWN_FIGURE, format_percent
from app.wording.markdown import as_markdown
from app.wording.sentences import event_words, share, span


class ReportFormat(StrEnum):
    """What a report is written as."""

    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"
    HTML = "html"


_MOST_INCIDENTS = 50
_COLUMNS = (
    "period", "from", "to", "service", "slo", "objective", "sli", "verdict", "good_events", "bad_events",
    "total_events", "budget_spent_ratio", "budget_spent_by_incidents_ratio", "budget_spent_after_changes_ratio",
     "budget_spent_otherwise_ratio",
    "budget_spent_before_ratio", "coverage_ratio", "incidents", "pages", "marked_useful", "marked_noise",
    "sla_contract", "sla_margin", "labels", "adjusted",
)  # fmt: skip
# What a spreadsheet would take for a formula.
# Source: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_STYLE = (
    "body{font:15px/1.4 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#1b1f24}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3em .6em;border-bottom:1px solid #d0d7de}"
    "td:nth-child(n+3){font-variant-numeric:tabular-nums}@media print{body{margin:0}tr{break-inside:avoid}}"
)


def report_csv(report: ObjectivesReport) -> str:
    """One line for each SLO, below the names of the columns; a ratio that is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    period = report.question.period
    for one in report.slos:
        labels = ",".join(f"{name}={value}" for name, value in one.labels)
        ratios = (one.consumed, one.by_incidents, one.after_changes, one.background, one.consumed_before, one.coverage)
        contract = math.nan if one.sla is None else one.sla.contract
        writer.writerow(
            [
                *(period.name, period.first, period.end, _cell(one.service), _cell(one.slo)),
                *(_number(one.objective), _number(one.sli), one.verdict.value),
                *map(_number, (one.good, one.bad, one.total, *ratios)),
                *(len(one.incidents), one.pages, one.useful, one.noise),
                *(_number(contract), _number(one.sla_margin), _cell(labels), "yes" if one.adjusted else "no"),
            ]
        )
    return text.getvalue()


def report_markdown(report: ObjectivesReport) -> str:
    """Headings, sentences and tables, which end with a line break."""
    return "\n".join(_lines(report)) + "\n"


def report_html(report: ObjectivesReport) -> str:
    """A page of its own, without links to files or scripts."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(report_markdown(report))
    title = escape(report_title(report))
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}</body>\n</html>\n"
    )


def compliance_words(report: ObjectivesReport) -> str:
    """How many objectives were met, in one sentence."""
    met, missed, unknown = (
        report.verdicts[verdict] for verdict in (PeriodVerdict.MET, PeriodVerdict.MISSED, PeriodVerdict.UNKNOWN)
    )
    so_far = "" if report.over else " so far"
    rest = f"; {unknown} cannot be judged" if unknown else ""
    return f"{met} of {met + missed} objectives met{so_far}, {missed} missed{rest}"


def coverage_sentences(report: ObjectivesReport) -> Iterator[str]:
    """Until when events are counted, and of how many SLOs adjustments have changed the figures."""
    if report.until is None:
        yield "No day of the period has been counted."
    else:
        yield f"Whole days are counted, until {report.until:%Y-%m-%d %H:%M} UTC" + (
            "." if report.over else ": budgets have nothing of what happened since then."
        )
    if report.adjusted:
        yield (
            f"Adjustments have changed the figures of {report.adjusted} "
            f"{'SLO' if report.adjusted == 1 else 'SLOs'}, marked as adjusted; incidents count events as they were."
        )


def report_title(report: ObjectivesReport) -> str:
    """What it is about, in a few words."""
    return f"Objectives, {report.question.period.name}"


def _lines(report: ObjectivesReport) -> Iterator[str]:
    yield f"# {report_title(report)}"
    yield ""
    yield f"{compliance_words(report)}."
    yield ""
    yield " ".join(coverage_sentences(report))
    yield ""
    yield from _slo_table(report.slos)
    yield from _trends(report)
    yield from _incidents(report)
    yield from _alerts(report)
    yield from _postmortems(report)


def _slo_table(slos: Sequence[SloFigures]) -> Iterator[str]:
    heads = (
        "SLO|Service|Objective|SLI|Verdict|Budget spent|By incidents|After changes|Otherwise|Before|Measured|SLA margin"
    )
    yield from _table(
        heads,
        [
            [
                *(
                    one.slo + _remarks(one),
                    one.service,
                    format_percent(one.objective),
                    _sli(one.sli),
                    one.verdict.value,
                ),
                *map(_share, (one.consumed, one.by_incidents, one.after_changes, one.background, one.consumed_before)),
                *(_share(one.coverage), _points(one.sla_margin)),
            ]
            for one in slos
        ],
    )


def _remarks(one: SloFigures) -> str:
    """What the verdict alone hides: a group may be met of which a member is not."""
    remarks = ["adjusted"] if one.adjusted else []
    if one.members > 1 and one.members_met < one.members:
        remarks.append(f"{one.members_met} of {one.members} groups met")
    return f" ({', '.join(remarks)})" if remarks else ""


def _trends(report: ObjectivesReport) -> Iterator[str]:
    if report.worst_trends:
        yield "## Spent more than in the period before"
        yield ""
        rows = [[one.slo, _share(one.consumed_before), _share(one.consumed)] for one in report.worst_trends]
        yield from _table("SLO|Before|Now", rows)


def _incidents(report: ObjectivesReport) -> Iterator[str]:
    found = report.incidents
    if not found:
        return
    yield "## Incidents"
    yield ""
    marks = {True: "useful", False: "noise", None: ""}
    yield from _table(
        "Began (UTC)|SLO|Severity|Budget spent|Bad events|Detected after|Resolved after|Change before|Mark",
        [
            [
                *(f"{one.started_at:%Y-%m-%d %H:%M}", one.slo, one.severity.value),
                UNKNOWN_FIGURE if one.spent is None else share(one.spent),
                UNKNOWN_FIGURE if one.bad_events is None else event_words(one.bad_events),
                *(
                    _span(one.detected_after),
                    _span(one.resolved_after) if one.ended_at else "goes on",
                    one.change,
                    marks[one.useful],
                ),
            ]
            for one in found[:_MOST_INCIDENTS]
        ],
    )
    if len(found) > _MOST_INCIDENTS:
        yield f"The {_MOST_INCIDENTS} that spent most of {len(found)}."
        yield ""


def _alerts(report: ObjectivesReport) -> Iterator[str]:
    toil, (useful, noise) = report.toil, report.marked
    yield "## Alerts"
    yield ""
    yield f"- Pages: {toil.pages}, tickets: {toil.tickets}"
    yield f"- Marked as useful: {useful}, as noise: {noise}" + (
        f" (precision {share(report.precision)})" if useful + noise else ""
    )
    if toil.pages_judged:
        yield (
            f"- Pages that spent {share(WORTH_A_PAGE)} of the budget or more: "
            f"{toil.pages_worth} of {toil.pages_judged} (precision by burn {share(toil.precision_by_burn)})"
        )
    yield f"- Nights disturbed: {toil.nights}, days of weekends: {toil.weekend_days} ({report.question.timezone})"
    yield f"- Pages fired for {span(toil.time_under_way)} in all"


def _postmortems(report: ObjectivesReport) -> Iterator[str]:
    if report.postmortems:
        yield ""
        yield "## Postmortems"
        yield ""
        rows = [
            [
                one.subject,
                one.reason,
                "while it lasts" if one.due_at is None else f"{one.due_at:%Y-%m-%d}",
                "" if one.written is None else f"{one.written.written_at:%Y-%m-%d} {one.written.url}".strip(),
            ]
            for one in report.postmortems
        ]
        yield from _table("About|Why|Due|Written", rows)


def _table(heads: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    names = heads.split("|")
    yield "| " + " | ".join(names) + " |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield "| " + " | ".join(map(as_markdown, row)) + " |"
    yield ""


def _number(value: float) -> str:
    return f"{value:.10g}" if math.isfinite(value) else ""


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _share(ratio: float) -> str:
    return share(ratio) if math.isfinite(ratio) else UNKNOWN_FIGURE


def _sli(ratio: float) -> str:
    # Rounded down: an objective that is missed must not look met.
    return format_percent(math.floor(ratio * 1e6) / 1e6) if math.isfinite(ratio) else UNKNOWN_FIGURE


def _points(difference: float) -> str:
    return f"{100 * difference:+.3f} points" if math.isfinite(difference) else UNKNOWN_FIGURE


def _span(length: timedelta | None) -> str:
    return UNKNOWN_FIGURE if length is None else span(length)
