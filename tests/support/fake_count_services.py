"""Datadog and New Relic as far as their documentation says how they answer; what they do not know is an error here too.

Never compared with the services themselves. Both hold `Events`, of which those that have not arrived are not there yet.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from app.slo import SourceKind
from testbed.http_thread import HttpThread, Quiet

API_KEY, APPLICATION_KEY, USER_KEY, ACCOUNT = "dd-api-key", "dd-application-key", "nr-user-key", 4711
HEADERS = {
    SourceKind.DATADOG: {"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APPLICATION_KEY},
    SourceKind.NEWRELIC: {"API-Key": USER_KEY},
}
# As many as each of them answers at most.
_MOST_POINTS, _MOST_BUCKETS = 1_500, 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """So *many* events of a metric, or of a type of events, that happened *at* and were there *late_s* later."""

    name: str
    tags: Mapping[str, str]
    at: float
    many: float = 1.0
    late_s: float = 0.0


@dataclass(slots=True)
class Held:
    """What a fake holds and how it behaves: *now* is its clock, *failing* the status that it answers everything with.

    Of a *limit* of requests so many are *left*, until it begins again in *reset_s*.
    """

    events: list[Events] = field(default_factory=list)
    now: float = 0.0
    failing: int | None = None
    limit: int = 1_000_000
    left: int = 1_000_000
    reset_s: float = 60.0
    queries: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def counts(
        self, name: str, tags: Mapping[str, str], by: Sequence[str], span: tuple[float, float], every: float
    ) -> dict[tuple[str, ...], dict[float, float]]:
        """The numbers of events in the intervals that have any, by group and beginning."""
        (since, until), found = span, dict[tuple[str, ...], dict[float, float]]()
        for one in self.events:
            is_there = since <= one.at < until and one.at + one.late_s <= self.now
            if one.name != name or not is_there or any(one.tags.get(tag) != value for tag, value in tags.items()):
                continue
            group = tuple(one.tags.get(tag, "N/A") for tag in by)
            begin = one.at // every * every
            of_group = found.setdefault(group, {})
            of_group[begin] = of_group.get(begin, 0.0) + one.many
        return found


class FakeDatadog(HttpThread):
    """Answers ``POST /api/v2/query/timeseries``."""

    def __init__(self) -> None:
        self.held = Held()
        super().__init__(_handler(self.held, self._answer))

    _TERM = re.compile(r"sum:([\w.]+)\{([^{}]*)\}(?: by \{([^{}]*)\})?\.as_count\(\)\.rollup\(sum, (\d+)\)", re.ASCII)

    def _answer(self, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if path != "/api/v2/query/timeseries":
            return 404, {"errors": ["Not Found"]}
        if headers.get("DD-API-KEY") != API_KEY or headers.get("DD-APPLICATION-KEY") != APPLICATION_KEY:
            return 403, {"errors": ["Forbidden"]}
        asked = body["data"]
        if asked["type"] != "timeseries_request":
            return 400, {"errors": ["Invalid type"]}
        return self._query(asked["attributes"])

    def _query(self, asked: Any) -> tuple[int, Any]:
        since, until, every = asked["from"] / 1000, asked["to"] / 1000, asked["interval"] // 1000
        while (until - since) / every > _MOST_POINTS:
            # Without a word.
            every *= 5
        found: dict[str, dict[tuple[str, ...], dict[float, float]]] = {}
        by: tuple[str, ...] = ()
        grouped: dict[str, tuple[str, ...]] = {}
        for query in asked["queries"]:
            term = self._TERM.fullmatch(query["query"])
            if term is None or query["data_source"] != "metrics":
                return 400, {"errors": [f"Error parsing query: unable to parse {query['query']}"]}
            self.held.queries.append(query["query"])
            scope = [] if term[2] == "*" else [part.partition(":")[::2] for part in term[2].split(",")]
            by = tuple(term[3].split(",")) if term[3] else ()
            grouped[query["name"]] = by
            found[query["name"]] = self.held.counts(term[1], dict(scope), by, (since, until), every)
        values: list[tuple[int, tuple[str, ...], tuple[str, ...], dict[float, float]]] = []
        for index, formula in enumerate(asked["formulas"]):
            names = re.findall(r"q\d+", formula["formula"])
            if (
                not names
                or any(name not in found for name in names)
                or not re.fullmatch(r"q\d+(?: [-+] q\d+)*", formula["formula"])
            ):
                return 400, {"errors": [f"Invalid formula {formula['formula']}"]}
            for group, counted in _of_formula(formula["formula"], found).items():
                values.append((index, grouped[names[0]], group, counted))
        times = sorted({at for *_, counted in values for at in counted})
        series = [
            {"group_tags": [":".join(pair) for pair in zip(by, group, strict=True)], "query_index": index, "unit": None}
            for index, by, group, _ in values
        ]
        attributes = {
            "series": series,
            "times": [round(at * 1000) for at in times],
            "values": [[counted.get(at) for at in times] for *_, counted in values],
        }
        return 200, {"data": {"id": "0", "type": "timeseries_response", "attributes": attributes}}


def _of_formula(
    formula: str, found: Mapping[str, Mapping[tuple[str, ...], Mapping[float, float]]]
) -> dict[tuple[str, ...], dict[float, float]]:
    total: dict[tuple[str, ...], dict[float, float]] = {}
    for sign, name in re.findall(r"([-+]?) ?(q\d+)", formula):
        for group, counted in found[name].items():
            of_group = total.setdefault(group, {})
            for at, value in counted.items():
                of_group[at] = of_group.get(at, 0.0) + (-value if sign == "-" else value)
    return total


class FakeNewRelic(HttpThread):
    """Answers ``POST /graphql`` about NRQL of one account."""

    def __init__(self) -> None:
        self.held = Held()
        super().__init__(_handler(self.held, self._answer))

    _FIELD = re.compile(r'(q\d+): nrql\(query: ("(?:[^"\\]|\\.)*"), timeout: (\d+)\) \{ results \}')
    _NRQL = re.compile(
        r"SELECT count\(\*\) AS 'events' FROM (\w+)(?: WHERE (.+?))?(?: FACET ([\w, ]+))?"
        r" SINCE (\d+) UNTIL (\d+) TIMESERIES (\d+) minutes LIMIT MAX"
    )

    def _answer(self, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        if path != "/graphql":
            return 404, {"error": "not found"}
        if headers.get("API-Key") != USER_KEY:
            return 401, {"errors": [{"message": "Invalid API key provided"}]}
        whole = re.fullmatch(r"\{ actor \{ account\(id: (\d+)\) \{ (.+) \} \} \}", body["query"])
        if whole is None:
            return 200, {"data": None, "errors": [{"message": "Syntax error before: }"}]}
        if int(whole[1]) != ACCOUNT:
            path_of_error = ["actor", "account"]
            return 200, {"data": {"actor": {"account": None}}, "errors": [_error("Access denied.", path_of_error)]}
        account: dict[str, Any] = {}
        errors = []
        for name, quoted, _ in self._FIELD.findall(whole[2]):
            found = self._results(json.loads(quoted))
            if isinstance(found, str):
                account[name] = None
                errors.append(_error(found, ["actor", "account", name]))
            else:
                account[name] = {"results": found}
        return 200, {"data": {"actor": {"account": account}}, **({"errors": errors} if errors else {})}

    def _results(self, nrql: str) -> list[dict[str, Any]] | str:
        found = self._NRQL.fullmatch(nrql)
        if found is None:
            return f"NRQL Syntax Error: Error at line 1 position 8, unexpected in {nrql}"
        self.held.queries.append(nrql)
        name, where, facet = found[1], found[2], found[3]
        since, until, every = int(found[4]) / 1000, int(found[5]) / 1000, int(found[6]) * 60
        if (until - since) / every > _MOST_BUCKETS:
            return "NRQL Syntax Error: TIMESERIES has too many buckets; the most are 366"
        conditions = re.findall(r"(\w+) = '([^']*)'", where or "")
        by = tuple(facet.split(", ")) if facet else ()
        counts = self.held.counts(name, dict(conditions), by, (since, until), every)
        groups = sorted(counts) if by else [()]
        results = []
        for group in groups:
            for begin in range(round(since), round(until), every):
                one: dict[str, Any] = {"beginTimeSeconds": begin, "endTimeSeconds": begin + every}
                one["events"] = counts.get(group, {}).get(begin, 0)
                named = dict(zip(by, group, strict=True))
                facets = {"facet": group[0] if len(group) == 1 else list(group), **named} if by else {}
                results.append({**facets, **one})
        return results


def _error(message: str, path: list[str]) -> dict[str, Any]:
    return {"message": message, "path": path, "extensions": {"errorClass": "INVALID_INPUT"}}


def _handler(
    held: Held, answer: Callable[[str, Mapping[str, str], Any], tuple[int, Any]]
) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # In one piece: a body behind its headers would wait 40 ms for their acknowledgement.
        wbufsize = -1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                held.left -= 1
                if held.failing is not None:
                    status, found = held.failing, {"errors": ["Service Unavailable"]}
                elif held.left < 0:
                    status, found = 429, {"errors": ["Too many requests"]}
                else:
                    status, found = answer(self.path, dict(self.headers), body)
                held.statuses.append(status)
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            limit = {"Limit": held.limit, "Period": 3_600, "Remaining": max(held.left, 0), "Reset": held.reset_s}
            for name, value in limit.items():
                self.send_header(f"X-RateLimit-{name}", f"{value:.0f}")
            self.end_headers()
            self.wfile.write(content)

    return Handler
