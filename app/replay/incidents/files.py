"""Incidents that people have written down: as CSV, YAML or JSON, one row or item for each."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.changes import moment_of_text
from app.replay.incidents.found import IncidentSource, ReplayIncident
from app.slo import Slo, SloId, ungrouped_id
from app.yamldoc import ErrorFinding, Place
from app.yamldoc.findings import Findings
from app.yamldoc.read import parse_text

_KEYS = frozenset({"start", "end", "slo", "service", "noise"})
_NEEDED = "start, end, and slo or service"
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"", "false", "no", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledIncident:
    """An incident of an SLO, of a member of its group, or of all SLOs of a service."""

    incident: ReplayIncident
    slo: str = ""
    service: str = ""

    def concerns(self, slo: SloId, service: str) -> bool:
        """Whether an SLO, or a member of its group, was bad in it."""
        return self.slo in {slo, ungrouped_id(slo)} if self.slo else self.service == service


def read_incidents(text: str, file: Path) -> tuple[LabelledIncident, ...] | tuple[ErrorFinding, ...]:
    """The incidents of a file; everything that is wrong with it if there is anything.

    A name that ends with ``.csv`` is CSV with a header; all others are YAML, of which JSON is a part.
    """
    findings = Findings()
    rows = _csv(text, file, findings) if file.suffix.lower() == ".csv" else _yaml(text, file, findings)
    found = [one for place, row in rows if (one := _incident(row, place, findings)) is not None]
    if not found and not findings.errors:
        findings.error(Place(file=file, line=1, column=1), "has no incidents", f"write a list of items with {_NEEDED}")
    return findings.errors or tuple(found)


def read_given_incidents(
    given: Sequence[Mapping[str, object]], file: Path
) -> tuple[LabelledIncident, ...] | tuple[ErrorFinding, ...]:
    """As `read_incidents`, of rows; errors name their numbers as lines of *file*."""
    findings = Findings()
    rows = ((Place(file=file, line=number, column=1), row) for number, row in enumerate(given, start=1))
    found = [one for place, row in rows if (one := _incident(row, place, findings)) is not None]
    return findings.errors or tuple(found)


def _csv(text: str, file: Path, findings: Findings) -> Iterator[tuple[Place, Mapping[str, object]]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, restkey="", restval="")
    try:
        for row in reader:
            yield Place(file=file, line=reader.line_num, column=1), {(key or "").strip(): row[key] for key in row}
    except csv.Error as error:
        findings.error(Place(file=file, line=reader.line_num, column=1), f"is not CSV: {error}", "write one row a line")


def _yaml(text: str, file: Path, findings: Findings) -> Iterator[tuple[Place, Mapping[str, object]]]:
    for document in parse_text(text, file, findings, keys=f"items with {_NEEDED}", lists=True).documents:
        yield document.place(()), document.root


def _incident(row: Mapping[str, object], place: Place, findings: Findings) -> LabelledIncident | None:
    unknown = sorted(key for key in row if key not in _KEYS)
    if unknown:
        findings.error(place, f"unknown key {unknown[0]!r}", f"write {_NEEDED}; noise: true for no incident")
        return None
    times = [_moment(row, name, place, findings) for name in ("start", "end")]
    slo, service = (str(row.get(name) or "").strip() for name in ("slo", "service"))
    noise = str(row.get("noise") or "").strip().lower()
    if bool(slo) == bool(service):
        findings.error(place, "must have one of slo and service", "write slo: and an id, or service: and its name")
        return None
    if noise not in _YES | _NO:
        findings.error(place, f"noise is {noise!r}", "write true or false")
        return None
    start, end = times
    if start is None or end is None:
        return None
    if end <= start:
        findings.error(place, "ends before it begins", "write an end after its start")
        return None
    incident = ReplayIncident(start=start, end=end, source=IncidentSource.LABELLED, is_noise=noise in _YES)
    return LabelledIncident(incident=incident, slo=slo, service=service)


def _moment(row: Mapping[str, object], name: str, place: Place, findings: Findings) -> datetime | None:
    given = str(row.get(name) or "").strip()
    try:
        return moment_of_text(given)
    except ValueError:
        problem = f"{name} is missing" if not given else f"{name} is not a time: {given!r}"
        findings.error(place, problem, "write a time with its offset, such as 2026-03-01T12:00:00Z")
        return None


def incidents_of(labelled: Sequence[LabelledIncident], slo: SloId, service: str) -> tuple[ReplayIncident, ...]:
    """The incidents of one SLO."""
    return tuple(one.incident for one in labelled if one.concerns(slo, service))


def incidents_of_no_slo(labelled: Sequence[LabelledIncident], slos: Iterable[Slo]) -> Mapping[str, str]:
    """By the SLO or service that incidents name and that there is not: how many are left out for that."""
    there = {(str(slo.id), slo.service) for slo in slos}
    ids, services = {id_ for id_, _ in there}, {service for _, service in there}
    missing = Counter(
        (one.slo or one.service, "SLO has this id" if one.slo else "SLO is of this service")
        for one in labelled
        if (ungrouped_id(SloId(one.slo)) not in ids if one.slo else one.service not in services)
    )
    return {name: f"no {why}; incidents left out: {count}" for (name, why), count in missing.items()}
