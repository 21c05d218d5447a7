"""The Prometheus HTTP API: client, pure decoder, error tree.

The only package that sends requests to Prometheus; knows nothing of SLOs, and may import `app.slo` for durations.
Start at `client.py`; `decode.py` turns bytes into a `Matrix` without IO, `errors.py` draws what can go wrong.
"""

from app.prometheus.access import OpensSource, SourceAccess, open_sources
from app.prometheus.breaker import Breaker
from app.prometheus.client import Limits, PrometheusClient, open_client, open_pool
from app.prometheus.cloud import (
    AMAZON_PROMETHEUS,
    CloudLogin,
    GoogleLogin,
    ManagedIdentityLogin,
    OAuth2Login,
    SigV4Login,
    missing_extra,
)
from app.prometheus.connections import Connection, ConnectionPool
from app.prometheus.credentials import Credentials
from app.prometheus.decode import PartialPolicy, decode_matrix, not_expected, partial_data
from app.prometheus.errors import (
    AccessDeniedError,
    BadAnswerError,
    BadQueryError,
    CircuitOpenError,
    ExecutionError,
    HttpStatusError,
    MisconfiguredError,
    PartialDataError,
    PrometheusError,
    RateLimitedError,
    Reason,
    TimedOutError,
    TooLargeError,
    UnreachableError,
    UnsupportedResultError,
)
from app.prometheus.histograms import HistogramSample, HistogramSeries
from app.prometheus.http_config import HttpConfig
from app.prometheus.large_answers import LargeAnswers
from app.prometheus.matrix import Matrix
from app.prometheus.metric_kinds import KindVerdict, MetricKind, MetricSource, kind_of
from app.prometheus.ports import OUTCOMES, PEER, SUCCESS, ClientInstruments, NoClientInstruments, WallClock
from app.prometheus.requests import MOST_POINTS
from app.prometheus.retries import retrying
from app.prometheus.send import decompressed, send
from app.prometheus.server_info import RuntimeInfo, ServerBuild

__all__ = [
    "AMAZON_PROMETHEUS",
    "MOST_POINTS",
    "OUTCOMES",
    "PEER",
    "SUCCESS",
    "AccessDeniedError",
    "BadAnswerError",
    "BadQueryError",
    "Breaker",
    "CircuitOpenError",
    "ClientInstruments",
    "CloudLogin",
    "Connection",
    "ConnectionPool",
    "Credentials",
    "ExecutionError",
    "GoogleLogin",
    "HistogramSample",
    "HistogramSeries",
    "HttpConfig",
    "HttpStatusError",
    "KindVerdict",
    "LargeAnswers",
    "Limits",
    "ManagedIdentityLogin",
    "Matrix",
    "MetricKind",
    "MetricSource",
    "MisconfiguredError",
    "NoClientInstruments",
    "OAuth2Login",
    "OpensSource",
    "PartialDataError",
    "PartialPolicy",
    "PrometheusClient",
    "PrometheusError",
    "RateLimitedError",
    "Reason",
    "RuntimeInfo",
    "ServerBuild",
    "SigV4Login",
    "SourceAccess",
    "TimedOutError",
    "TooLargeError",
    "UnreachableError",
    "UnsupportedResultError",
    "WallClock",
    "decode_matrix",
    "decompressed",
    "kind_of",
    "missing_extra",
    "not_expected",
    "open_client",
    "open_pool",
    "open_sources",
    "partial_data",
    "retrying",
    "send",
]
