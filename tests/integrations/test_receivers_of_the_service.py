"""The whole service with receivers of its own: what people read, and what nobody must (S3)."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx

from testbed.process import closed_port
from testbed.servers import prometheus
from testbed.service import sloburn, write_documents
from testbed.waiting import PATIENCE_S, wait_until
from tests.support.flaky_exporter import Busy, serving
from tests.support.otlp import bodies, received
from tests.support.scripted_server import Reply, Scripted

CANARY = "canary-5d21e7"
DOCUMENT = {
    "service": "shop",
    "labels": {"team": "payments"},
    "slos": [
        {
            "name": "availability",
            "objective": 99,
            "window": "1h",
            "sli": {"total": 'http_requests_total{job="shop"}', "bad": 'http_requests_total{job="shop",code="500"}'},
            "alerting": {
                "page": {"tiers": [{"long": "30s", "short": "10s", "factor": 10}]},
                "ticket": "off",
                "annotations": {"summary": "{{ subject }} fails: {{ top_contributors }}"},
            },
        }
    ],
}
FAILED = 'sloburn_notifications_failed_total{reason="rejected",receiver="gone"} 2.0'
BURNED = "100% of the errors"
POSTED = Reply(body=b'{"ok":true,"channel":"C42","ts":"1700000000.000100"}')


def test_a_page_reaches_every_receiver_it_is_routed_to_and_says_what_burned_it(tmp_path: Path) -> None:
    busy = Busy()
    token, dead = f"xoxb-{CANARY}-bot", f"{CANARY}-gone"
    with (
        serving(busy) as metrics,
        Scripted(otherwise=POSTED) as slack,
        Scripted(otherwise=Reply(status=202)) as pagerduty,
        Scripted(otherwise=Reply(status=410, body=f"/{dead}".encode())) as revoked,
        Scripted() as hook,
        Scripted(otherwise=Reply(status=500, body=f"{CANARY}-path {CANARY}-header {CANARY}-query".encode())) as echo,
        Scripted() as beats,
        Scripted() as collector,
        prometheus(tmp_path / "prometheus", scrape=[("shop", metrics)]) as server,
    ):
        secrets = {"token": token, "key": f"{CANARY}-pd", "revoked": f"{revoked.url}/{dead}"}
        for name, text in secrets.items():
            (tmp_path / name).write_text(text)
        config = {
            "receivers": [
                {"name": "chat", "slack": {"bot_token_file": "token", "channel": "#slo", "api": f"{slack.url}/api"}},
                {"name": "oncall", "pagerduty": {"routing_key_file": "key", "url": f"{pagerduty.url}/v2/enqueue"}},
                {"name": "gone", "slack": {"webhook_url_file": "revoked"}, "fallback": "hook"},
                {"name": "hook", "webhook": {"url": hook.url, "secret_env": "HOOK_SECRET",
                                             "headers": {"X-Key": {"env": "HOOK_KEY"}}}},
                {"name": "echo", "webhook": {"url_env": "ECHO_URL", "headers": {"X-Key": {"env": "HOOK_KEY"}}}},
                {"name": "mail", "email": {"host": "127.0.0.1", "port": echo.port, "from": "a@b.example",
                                           "to": ["c@d.example"], "username": "slo", "password_env": "MAIL_PASSWORD"}},
            ],
            "routes": [{"match": {"severity": "page", "labels": {"team": "payments"}},
                        "receivers": ["chat", "oncall", "gone", "echo", "mail"]}],
            "default": [],
            "heartbeat": {"url": f"{beats.url}/{CANARY}-ping", "every": "1s"},
        }  # fmt: skip
        (tmp_path / "sloburn.yaml").write_text(json.dumps(config))
        specs = write_documents([DOCUMENT], tmp_path / "slos")
        env = {
            "SLOBURN_CONFIG": str(tmp_path / "sloburn.yaml"),
            "SLOBURN_EVALUATION_INTERVAL": "5s",
            "SLOBURN_QUERY_OFFSET": "1s",
            "SLOBURN_LOG_LEVEL": "debug",
            "SLOBURN_BACKFILL": "off",
            "HOOK_SECRET": f"{CANARY}-hook",
            "HOOK_KEY": f"{CANARY}-header",
            "ECHO_URL": f"{echo.url}/{CANARY}-path?token={CANARY}-query",
            "MAIL_PASSWORD": f"{CANARY}-mail",
            "SLOBURN_API_TOKEN": f"{CANARY}-api",
            "SLOBURN_PROMETHEUS_USERNAME": "slo",
            "SLOBURN_PROMETHEUS_PASSWORD": f"{CANARY}-prometheus",
            "SLOBURN_PROMETHEUS_HEADERS": f"X-Tenant={CANARY}-tenant",
            "SLOBURN_ALERTMANAGER_URLS": f"http://127.0.0.1:{closed_port()}",
            "SLOBURN_MCP": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={CANARY}-collector",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
        with sloburn(server.url, specs, tmp_path / "work", env=env, forked=True) as service:
            wait_until(lambda: len(beats.requests) > 0)
            time.sleep(8)
            busy.breaks(("/pay", "1.4.2"), ("/pay", "1.4.1"))
            wait_until(lambda: bool(slack.requests and pagerduty.requests and hook.requests))
            # Asked beside the evaluation, so that no page waits for it: on a busy machine the page may come first.
            wait_until(lambda: BURNED in httpx.get(f"{service.url}/api/v1/alerts", trust_env=False).text)
            busy.mends()
            wait_until(lambda: len(pagerduty.requests) == 2 and len(slack.requests) == 2 and len(hook.requests) == 2)
            wait_until(lambda: FAILED in httpx.get(f"{service.url}/metrics", trust_env=False).text)
            wait_until(lambda: len(_dead_letters(service.url)) >= 2)
            dead_letters = _dead_letters(service.url)
            receivers = {one["name"]: one for one in _items(service.url, "/api/v1/receivers")}
            seen = _everything(service.url)
            seen["/mcp"] = _of_assistants(service.url)
            httpx.post(service.url + "/-/reload", headers={"Authorization": f"Bearer {CANARY}-api"}, trust_env=False)
            server.kill()
            wait_until(lambda: len(beats.requests) > 5)
            _silent(beats)
            openmetrics = {"Accept": "application/openmetrics-text"}
            own = httpx.get(f"{service.url}/metrics", headers=openmetrics, trust_env=False).text
        _leads_to_traces(collector, own)
    page, end = slack.bodies
    assert page["text"].startswith(":rotating_light: shop availability fails:")
    assert end["text"].startswith(':white_check_mark: shop availability fails: route="/pay": 100% of the errors, ')
    assert [request.path for request in slack.requests] == ["/api/chat.postMessage", "/api/chat.update"]
    assert [body["event_action"] for body in pagerduty.bodies] == ["trigger", "resolve"]
    assert [body["status"] for body in hook.bodies] == ["firing", "resolved"]
    (over,) = hook.bodies[1]["alerts"]
    assert 'route="/pay": 100% of the errors' in over["annotations"]["description"]
    assert [letter["receiver"] for letter in dead_letters] == ["gone", "gone"]
    assert receivers["gone"]["dead_letters"] == 2
    assert receivers["gone"]["last_success_at"] is None
    assert receivers["oncall"]["last_success_at"] is not None
    assert hook.requests[0].headers["x-key"] == f"{CANARY}-header"
    written = {path: path.read_bytes() for path in (tmp_path / "work").rglob("*") if path.is_file()}
    log = next(text for path, text in written.items() if path.suffix == ".log")
    names = ("echo", "mail", "alertmanager", "gone")
    assert [name for name in names if f"receiver={name}".encode() not in log] == []
    assert [where for where, text in seen.items() if CANARY in text] == []
    assert [path for path, text in written.items() if CANARY.encode() in text] == []


def _leads_to_traces(collector: Scripted, metrics: str) -> None:
    """Evaluations and deliveries were traced, an exemplar leads to one of these traces, and no secret is in any."""
    spans, resource = received(collector.requests)
    assert resource["service.name"] == "sloburn"
    evaluations = {span.trace for span in spans if span.name == "sloburn.evaluate"}
    assert evaluations & set(re.findall(r'trace_id="(\w+)"', metrics))
    deliveries = [span for span in spans if span.name == "sloburn.deliver"]
    assert {"chat", "oncall", "gone", "hook"} <= {span.attributes["sloburn.receiver"] for span in deliveries}
    assert any(set(span.links) & evaluations for span in deliveries if span.attributes["sloburn.receiver"] == "chat")
    # To the fallback leads the delivery that was given up.
    gone = {span.trace for span in deliveries if span.attributes["sloburn.receiver"] == "gone"}
    assert any(set(span.links) & gone for span in deliveries if span.attributes["sloburn.receiver"] == "hook")
    assert {"POST /api/v1/query", "sloburn.ask", "sloburn.write"} <= {span.name for span in spans}
    assert [body for body in bodies(collector.requests) if CANARY.encode() in body] == []


def _dead_letters(url: str) -> list[dict[str, Any]]:
    return _items(url, "/api/v1/notifications/dead")


def _items(url: str, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = httpx.get(url + path, trust_env=False).json()["items"]
    return items


def _everything(url: str) -> dict[str, str]:
    """What every address that needs no argument answers, pages included, and errors too."""
    paths = httpx.get(f"{url}/openapi.json", trust_env=False).json()["paths"]
    known = [path for path, methods in paths.items() if "get" in methods and "{" not in path]
    slo = "shop-availability"
    more = ["/", f"/slos/{slo}", f"/api/v1/slos/{slo}", f"/api/v1/slos/{slo}/history", "/openapi.json", "/nowhere"]
    # One event: the stream has no end of its own.
    asked = {path: "?events=1" if path.endswith("/stream") else "" for path in (*known, *more)}
    return {path: httpx.get(url + path + query, trust_env=False).text for path, query in asked.items()}


def _of_assistants(url: str) -> str:
    """What a tool answers."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_slos", "arguments": {}}}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{url}/mcp", json=call, headers=headers, trust_env=False)
    assert answer.json()["result"]["structuredContent"]["items"], answer.text
    return answer.text


def _silent(beats: Scripted) -> None:
    """Heartbeats end once Prometheus is away, as nothing is measured any more."""
    deadline = time.monotonic() + PATIENCE_S
    count = -1
    while count != len(beats.requests):
        assert time.monotonic() < deadline, "the heart beats on"
        count = len(beats.requests)
        time.sleep(3)
