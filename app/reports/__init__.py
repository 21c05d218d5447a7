"""Reports over calendar periods: whether objectives were met, and what spent the budgets (ADR-0070).

Pure: days, definitions and incidents in, figures out. Imports the vocabulary of `app.slo` and the sentences of
`app.wording`. Start at `report.py`; `periods.py` has the periods, `facts.py` what a report is made from, `figures.py`
what it has of an SLO, `toil.py` whom alerts disturbed, and `tables.py` writes it as CSV, Markdown and HTML.
"""

from app.reports.facts import DayRange, DaySums, IncidentFacts, Segment, SloDefinition, segments, slis_by_days
from app.reports.figures import PeriodVerdict, SloFigures
from app.reports.periods import PeriodKind, ReportPeriod, read_period
from app.reports.report import (
    BY_LABEL_PREFIX,
    Adjust,
    ObjectivesReport,
    QuestionError,
    ReportGroup,
    ReportQuestion,
    make_report,
    report_question,
    wanted_segments,
)
from app.reports.tables import ReportFormat, compliance_words, report_csv, report_html, report_markdown
from app.reports.toil import WORTH_A_PAGE, Toil, night_of

__all__ = [
    "BY_LABEL_PREFIX",
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
    "Segment",
    "SloDefinition",
    "SloFigures",
    "Toil",
    "compliance_words",
    "make_report",
    "night_of",
    "read_period",
    "report_csv",
    "report_html",
    "report_markdown",
    "report_question",
    "segments",
    "slis_by_days",
    "wanted_segments",
]
