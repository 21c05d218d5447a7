"""Reports over calendar periods: whether objectives were met, and what spent the budgets (ADR-0070).

Pure: days, definitions and incidents in, figures out. Imports the vocabulary of `app.slo` and the sentences of
`app.wording`. Start at `report.py`; `periods.py` has the periods, `facts.py` what a report is made from, `figures.py`
what it has of an SLO, `toil.py` whom alerts disturbed, and `tables.py` writes it as CSV, Markdown and HTML.
`scheduled.py` has which report is to be sent when, `links.py` signs links to one.
"""

from app.reports.facts import DayRange, DaySums, IncidentFacts, Segment, SloDefinition, segments, slis_by_days
from app.reports.figures import PeriodVerdict, SloFigures
from app.reports.links import LINK_LASTS, SHARED_PATH, is_signed, question_query, signed_query
from app.reports.periods import PeriodKind, ReportPeriod, read_period
from app.reports.report import (
    BY_LABEL_PREFIX,
    BY_SERVICE_NAME,
    Adjust,
    ObjectivesReport,
    QuestionError,
    ReportGroup,
    ReportQuestion,
    is_grouping,
    make_report,
    report_question,
    wanted_segments,
)
from app.reports.scheduled import ScheduledReport
from app.reports.tables import ReportFormat, compliance_words, report_csv, report_html, report_markdown, report_title
from app.reports.toil import WORTH_A_PAGE, Toil, night_of

__all__ = [
    "BY_LABEL_PREFIX",
    "BY_SERVICE_NAME",
    "LINK_LASTS",
    "SHARED_PATH",
    "WORTH_A_PAGE",
    "Adjust",
    "DayRange",
    "DaySums",
    "IncidentFacts",
    "ObjectivesReport",
    "PeriodKind",
    "PeriodVerdict",
    "QuestionError",
    "ReportFormat",
    "ReportGroup",
    "ReportPeriod",
    "ReportQuestion",
    "ScheduledReport",
    "Segment",
    "SloDefinition",
    "SloFigures",
    "Toil",
    "compliance_words",
    "is_grouping",
    "is_signed",
    "make_report",
    "night_of",
    "question_query",
    "read_period",
    "report_csv",
    "report_html",
    "report_markdown",
    "report_question",
    "report_title",
    "segments",
    "signed_query",
    "slis_by_days",
    "wanted_segments",
]
