"""What Prometheus scrapes of us: the SLOs on the board, and the health of the service itself.

May import `app.status` and everything below it; the only package that imports `prometheus_client`. Start at
`exposition.py`: it joins the families of `collector.py` (one pass over the board) with those of `instruments.py`
(counters and gauges that the other packages set through their own ports).
"""

from app.metrics.build import BuildInfo
from app.metrics.collector import render_slos
from app.metrics.exposition import Exposition, Page, PageForm, accepts_gzip
from app.metrics.families import FAMILIES, RESERVED_LABELS, Family
from app.metrics.instruments import Instruments, LabelValues
from app.metrics.own_health import OwnHealth, own_health

__all__ = [
    "FAMILIES",
    "RESERVED_LABELS",
    "BuildInfo",
    "Exposition",
    "Family",
    "Instruments",
    "LabelValues",
    "OwnHealth",
    "Page",
    "PageForm",
    "accepts_gzip",
    "own_health",
    "render_slos",
]
