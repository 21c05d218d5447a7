"""Deploys without a report: versions that appear in labels of metrics."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.changes.fields import LONGEST_TEXT
from app.changes.model import Change, ChangeKind, change_id
from app.slo import is_in_environment
from app.wording.plain_text import one_line, shortened

FOUND_SOURCE = "prometheus"
"""The source of changes that were found."""
FOUND_BY = "found_by"
"""The label of a found change that names its query."""
SEEN_WITHIN = timedelta(hours=1)
"""A version that was there so long ago is not new: instances come and go, and scrapes fail."""
SAME_DEPLOY = timedelta(minutes=15)
"""How far apart a report of a deploy and what is found of it may be: a rollout takes as long."""
_DEPLOYS = frozenset({ChangeKind.DEPLOY, ChangeKind.ROLLBACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeQuery:
    """An expression that has a series for each version that runs, and the labels that say what it is.

    Of *service* and *environment* the first label that a series has counts.
    """

    name: str
    query: str
    service: tuple[str, ...]
    version: str
    environment: tuple[str, ...] = ()

    @property
    def history(self) -> str:
        """What the query has had within the time in which a version is not new."""
        seconds = round(SEEN_WITHIN.total_seconds())
        return f"last_over_time(({self.query})[{seconds}s:{seconds // 12}s])"


DEFAULT_QUERIES = (
    ChangeQuery(
        name="build_info",
        query='group by (service, job, environment, env, version) ({__name__=~".+_build_info", version!=""})',
        service=("service", "job"),
        version="version",
        environment=("environment", "env"),
    ),
    # Not the generation of a deployment, which each change of its size raises.
    ChangeQuery(
        name="replica_sets",
        query='group by (namespace, owner_name, replicaset) (kube_replicaset_owner{owner_kind="Deployment"}) '
        "and on (namespace, replicaset) (kube_replicaset_spec_replicas > 0)",
        service=("owner_name",),
        version="replicaset",
    ),
)
"""What is looked at where the configuration says nothing: `..._build_info`, and kube-state-metrics."""


class RunningVersions:
    """The versions of each service and environment that one query has shown lately."""

    def __init__(self, query: ChangeQuery) -> None:
        self._query = query
        self._seen: dict[tuple[str, str], dict[str, datetime]] = {}

    def observe(self, series: Iterable[Mapping[str, str]], *, services: frozenset[str], at: datetime) -> list[Change]:
        """The deploys that the newest answer shows, of some services; one seen for the first time has none."""
        self._forget(at)
        present: dict[tuple[str, str], set[str]] = {}
        for labels in series:
            service, environment = (
                self._first(labels, self._query.service),
                self._first(labels, self._query.environment),
            )
            version = labels.get(self._query.version, "")
            if service in services and version:
                present.setdefault((service, environment), set()).add(_short(version.removeprefix(f"{service}-")))
        found = []
        for (service, environment), versions in present.items():
            known = self._seen.setdefault((service, environment), {})
            if known:
                newest = max(known, key=lambda one: (known[one], one))
                found += [
                    self._change(service, environment, version, newest, at)
                    for version in sorted(versions - known.keys())
                ]
            known |= dict.fromkeys(versions, at)
        return found

    def _first(self, labels: Mapping[str, str], names: Sequence[str]) -> str:
        return _short(next((labels[name] for name in names if labels.get(name)), ""))

    def _change(self, service: str, environment: str, version: str, before: str, at: datetime) -> Change:
        return Change(
            id=change_id(FOUND_SOURCE, self._query.name, service, environment, version, at.isoformat()),
            source=FOUND_SOURCE,
            kind=ChangeKind.DEPLOY,
            service=service,
            environment=environment,
            version=version,
            previous_version=before,
            started_at=at,
            finished_at=at,
            labels=((FOUND_BY, self._query.name),),
        )

    def _forget(self, at: datetime) -> None:
        for key, known in [*self._seen.items()]:
            left = {version: seen for version, seen in known.items() if seen > at - SEEN_WITHIN}
            if left:
                self._seen[key] = left
            else:
                del self._seen[key]


def is_same_deploy(found: Change, other: Change) -> bool:
    """Whether a change that was found is one that was reported, or that another query has found."""
    if other.id == found.id or other.service != found.service or other.kind not in _DEPLOYS:
        return False
    if other.source == FOUND_SOURCE and other.labels == found.labels:
        # Of a start, which finds again what the process before it has found.
        return other.version == found.version and abs(other.started_at - found.started_at) <= SEEN_WITHIN
    environments = () if not other.environment else (("environment", other.environment),)
    if not is_in_environment(environments, found.environment):
        return False
    until = other.finished_at
    return other.started_at - SAME_DEPLOY <= found.started_at and (
        until is None or found.started_at <= until + SAME_DEPLOY
    )


def _short(text: str) -> str:
    return shortened(one_line(text), LONGEST_TEXT)
