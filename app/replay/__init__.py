"""The past, judged again: what alerts would have done, by the rules of a document or by others.

The functions are those of live evaluations (`app.alerting`), stepped over counts by slot instead of a ledger; what
nothing can change is skipped by conditions on whole columns. Pure but for reading history. Start at `stepping.py`;
`history/` is what it steps over, `resting.py` which slots change nothing. `backtest.py` compares sets of rules:
`prometheus_alerts.py` are those of others, `incidents/` what they should tell of, and what they were worth.
"""

from app.replay.backtest import (
    LONGEST_SPAN,
    TODAY,
    USUAL_DETECTION,
    USUAL_PRECISION,
    USUAL_SPAN,
    BacktestedSlo,
    BacktestQuestion,
    BacktestResult,
    RulesOutcome,
    SloOutcome,
    backtest_slo,
)
from app.replay.documents import backtest_document
from app.replay.history.history_reader import HistoryDetail, MemberPast, PastReader
from app.replay.history.ledger_history import CountedMember, HistorySource, LedgerReader
from app.replay.history.slot_history import SlotHistory
from app.replay.history.window_series import WindowSeries
from app.replay.incidents.files import LabelledIncident, read_incidents
from app.replay.incidents.found import IncidentSource, ReplayIncident
from app.replay.incidents.marked import MOST_MARKED, marked_filter, marked_incidents
from app.replay.incidents.scoring import JudgedFiring, RulesScore
from app.replay.jobs import (
    BacktestJob,
    BacktestJobs,
    HistoryAccess,
    JobState,
    RunningBacktest,
    TooManyBacktestsError,
)
from app.replay.prometheus_alerts import PrometheusRules, rules_of_others
from app.replay.requests import Backtests, InvalidBacktestError, plan_of
from app.replay.running import BacktestPlan, run_backtest
from app.replay.stepping import Firing, Replayed, firings_of, replay
from app.replay.suggesting import RulesCandidate, SuggestedRules

__all__ = [
    "LONGEST_SPAN",
    "MOST_MARKED",
    "TODAY",
    "USUAL_DETECTION",
    "USUAL_PRECISION",
    "USUAL_SPAN",
    "BacktestJob",
    "BacktestJobs",
    "BacktestLauncher",
    "BacktestPlan",
    "BacktestQuestion",
    "BacktestResult",
    "BacktestedSlo",
    "Backtests",
    "CountedMember",
    "Firing",
    "HistoryAccess",
    "HistoryDetail",
    "HistorySource",
    "IncidentSource",
    "InvalidBacktestError",
    "JobState",
    "JudgedFiring",
    "LabelledIncident",
    "LedgerReader",
    "MemberPast",
    "PastReader",
    "PrometheusRules",
    "ReplayIncident",
    "Replayed",
    "RulesCandidate",
    "RulesOutcome",
    "RulesScore",
    "RunningBacktest",
    "SloOutcome",
    "SlotHistory",
    "SuggestedRules",
    "TooManyBacktestsError",
    "WindowSeries",
    "backtest_document",
    "backtest_slo",
    "firings_of",
    "marked_filter",
    "marked_incidents",
    "plan_of",
    "read_incidents",
    "replay",
    "rules_of_others",
    "run_backtest",
]
