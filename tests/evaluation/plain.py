"""Plain services by hand: counters that grow evenly, and documents for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.documents import load_documents
from app.slo import Slo
from testbed.service import write_documents
from tests.evaluation.memory import Series

Span = tuple[float, float]


def counter(
    labels: dict[str, str],
    span: Span,
    *,
    per_second: float = 1.0,
    past: float = 0.0,
    without: Sequence[Span] = (),
    bursts: Sequence[tuple[Span, float]] = (),
    every: float = 30.0,
) -> Series:
    """A counter scraped in (since, until] of *span* that began at *past*; unseen in *without*, faster in *bursts*."""
    times = np.arange(span[0] + 7.0, span[1], every)
    values = past + per_second * (times - span[0])
    for (since, until), more in bursts:
        values += more * np.clip(times - since, 0, until - since)
    seen = np.ones(len(times), dtype=bool)
    for since, until in without:
        seen &= (times < since) | (times >= until)
    return Series(labels=labels, times=times[seen], values=np.floor(values)[seen])


def requests(job: str, code: str = "200", *, instance: str = "api-0:80", **more: str) -> dict[str, str]:
    """The labels of a counter of requests."""
    return {"__name__": "http_requests_total", "job": job, "instance": instance, "code": code, **more}


def availability(job: str, *, objective: float = 99.9, window: str = "1d", by: Sequence[str] = ()) -> dict[str, object]:
    """The document of one availability SLO."""
    return document(
        job,
        {"total": f'http_requests_total{{job="{job}"}}', "bad": f'http_requests_total{{job="{job}",code=~"5.."}}'},
        objective=objective,
        window=window,
        by=by,
    )


def document(
    service: str,
    sli: dict[str, object],
    *,
    name: str = "availability",
    objective: float = 99.9,
    window: str = "1d",
    by: Sequence[str] = (),
) -> dict[str, object]:
    """The document of one SLO."""
    slo: dict[str, object] = {"name": name, "objective": objective, "window": window, "sli": sli}
    return {"service": service, "slos": [slo | ({"by": list(by)} if by else {})]}


def slos(documents: Sequence[dict[str, object]], folder: Path) -> tuple[Slo, ...]:
    """The SLOs of documents."""
    loaded = load_documents(write_documents(documents, folder))
    assert not loaded.errors, loaded.errors
    return tuple(loaded.slos)
