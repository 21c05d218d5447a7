"""The figures that the documents promise are those of the code: a changed constant fails here, with its sentence."""

from datetime import timedelta
from inspect import signature
from pathlib import Path

import pytest

from app.alerting import conditions, evidence
from app.alerting.notifications.routing import DEFAULT_FALLBACK_AFTER
from app.api import admission, guard, parameters, past_turn, timespans
from app.api.charts import routes
from app.budget import exhaustion
from app.delivery import Backoff, DeliveryTiming, endings
from app.delivery.message_receiver import RateLimit
from app.documents import windows
from app.documents.native import composites
from app.evaluation import contributors_in_range, evaluator, top_contributors
from app.evaluation.figures import figures, problems
from app.evaluation.judging import fault_isolation, missing_total, traffic
from app.evaluation.saving import budget_record, ledger_store, pending_writes, writer
from app.http import client, detached, resolving, secret_files, sockets, tls_files, tunnels
from app.ingest.counting import late_samples, start_times
from app.ingest.history import backfill
from app.ingest.queries import query_batcher
from app.ingest.series import group_limit, matched_series, tracked_slis
from app.integrations import AlertmanagerOptions, Reassertion, StoredAlertsToRepeat, heartbeat
from app.integrations.alertmanager import api, given_up, peer
from app.integrations.email import notifier as email
from app.integrations.pagerduty import notifier as pagerduty
from app.integrations.slack import notifier as slack
from app.integrations.webhook import notifier as webhook
from app.ledger import LOOKBACK_S, ledger, runs
from app.ledger.counting import copies, falls, first_samples, new_targets, plausibility, steps
from app.prometheus import client as prometheus_client
from app.prometheus import fast_samples, known_series, large_answers
from app.prometheus.send import _CONNECT_S as PROMETHEUS_CONNECT_S
from app.replicas import leases
from app.service import engine, http_server, memory
from app.service.logs import repeats
from app.service.run import _READERS
from app.slo import Alerting, Evidence, Severity, SeverityPolicy
from app.slo import alerts as slo_alerts
from app.store import postgres
from app.wording import annotations
from app.yamldoc import files, tree

DOCS = Path(__file__).parents[1] / "docs"
MIB, KIB = 1 << 20, 1 << 10


def _same(*values: object) -> tuple[object, ...]:
    return values


PROMISES = (
    ("receivers.md", "tried again after 1 s to 5 min", _same(Backoff().base, Backoff().cap),
     (timedelta(seconds=1), timedelta(minutes=5))),
    ("receivers.md", "later), for 24 hours", Backoff().give_up_after, timedelta(hours=24)),
    ("receivers.md", "`per_minute` (default 20)", RateLimit().per_minute, 20),
    ("receivers.md", "and for an hour every\nAlertmanager has an alert", given_up._REMEMBERED, timedelta(hours=1)),
    ("receivers.md", "PagerDuty's summary at 1,024", pagerduty._SUMMARY_CHARS, 1_024),
    ("receivers.md", "would exceed 500 kB", pagerduty._LARGEST, 500_000),
    ("receivers.md", "Slack's text at\n3,000", slack._TEXT_CHARS, 3_000),
    ("receivers.md", "the subject of a mail at 200", email._SUBJECT_CHARS, 200),
    ("receivers.md", "webhooks and the heartbeat (three at most",
     _same(webhook._REDIRECTS, heartbeat._REDIRECTS), (3, 3)),
    ("receivers.md", "each look-up within 7 s", resolving.LOOKUP_S, 7.0),
    ("receivers.md", "An answer is read up to 64 KiB", client._MOST_READ, 64 * KIB),
    ("receivers.md", "ends four minutes later",
     AlertmanagerOptions(urls=(), external_url="").lifetime, timedelta(minutes=4)),
    ("receivers.md", "`Retry-After` says (at most 15 min later)", endings._LONGEST_ASKED, timedelta(minutes=15)),
    ("receivers.md", "are replaced are read again within 10 s", tls_files.LOOK_EVERY_S, 10.0),
    ("receivers.md", "After more than five minutes without any evaluation",
     _same(evaluator._STALE_AFTER, DeliveryTiming().sleep, evaluator._STALE_AFTER_SLOTS),
     (timedelta(minutes=5), timedelta(minutes=5), 4)),
    ("faults.md", "tried again every ten minutes", fault_isolation._AGAIN, timedelta(minutes=10)),
    ("faults.md", "two large ones at once", large_answers.LARGE_AT_ONCE, 2),
    ("faults.md", "unhealthy above 30 s", engine._MOST_SKEW_S, 30.0),
    ("faults.md", "batches of 256 to Alertmanager", peer.BATCH, 256),
    ("faults.md", "that it has claimed waits five seconds", leases._SERVICE_S, 5.0),
    ("deploy.md", "**Stopping** takes at most ten seconds", engine._STOP_WITHIN_S, 6.0),
    ("troubleshooting.md", "take longer than their interval, three times in a row", engine._LATE_SLOTS, 3),
    ("deploy.md", "renewed every five seconds", postgres._HEARTBEAT_S, 5.0),
    ("security.md", "| open connections | 512;", http_server._MOST_CONNECTIONS, 512),
    ("security.md", "4, 200; more are 503", admission._WAITING, 200),
    ("security.md", "at once, waiting | 1, 50 for 10 s", _same(past_turn._WAITING, admission.PATIENCE_S), (50, 10.0)),
    ("security.md", "| request body | 1 MiB |", guard.MAX_BODY_BYTES, MIB),
    ("security.md", "at the start, once it has blocked | 2 s, 5 s, 0.1 s |",
     _same(secret_files.READ_S, secret_files.START_S, secret_files._SINCE_STALE_S), (2.0, 5.0, 0.1)),
    ("security.md", "connection to a receiver, connection to Prometheus | 7 s, 3 s, 3 s |",
     _same(resolving.LOOKUP_S, sockets.CONNECT_S, PROMETHEUS_CONNECT_S), (7.0, 3.0, 3.0)),
    ("security.md", "proxy that is asked to connect | 16 KiB |", tunnels._LONGEST_ANSWER, 16 * KIB),
    ("security.md", "the status of an Alertmanager up to 4 MiB", api._ANSWER_BYTES, 4 * MIB),
    ("security.md", "| answers that clients have not read yet | 128 MiB |", admission._MOST_UNSENT_BYTES, 128 * MIB),
    ("security.md", "fewer than 1,152 files",
     _same(*(http_server.ConnectionLimits.within(allowed).connections for allowed in (1_152, 1_151, 100))),
     (512, 511, 16)),
    ("security.md", "be read by the client | 10 s, 30 s |",
     _same(http_server.ConnectionLimits().request_s, http_server.ConnectionLimits().answer_s), (10.0, 30.0)),
    ("security.md", "requests computed at once, waiting | 4, 200", _READERS, 4),
    ("security.md", "| document file, values in it | 10 MiB, 500,000;",
     _same(files.LARGEST_FILE, tree._MOST_VALUES, tree._MOST_ALIASED), (10 * MIB, 500_000, 500_000)),
    ("security.md", "| answer of Prometheus | 32 MiB", prometheus_client.Limits().answer_bytes, 32 * MIB),
    ("security.md", "| members of a group | 500 |", tracked_slis.MOST_GROUPS, 500),
    ("security.md", "| annotation | 8,192 characters |", annotations._LONGEST, 8_192),
    ("settings.md", "up to an hour late where a series had no newer ones, and up to three hours",
     _same(late_samples._KEPT_S, late_samples._LONGEST_S), (3_600.0, 3 * 3_600.0)),
    ("slo-format.md", "The query is retried after ten minutes", query_batcher._REFUSED_FOR_S, 600.0),
    ("slo-format.md", "default `99%`; `off` fires by the tiers alone", Evidence().level, 0.99),
    ("slo-format.md", "`50%` to below `100%`", slo_alerts._LEAST_LEVEL, 0.5),
    ("slo-format.md", "for an alert to fire; default 2", Evidence().min_bad_events, 2.0),
    ("slo-format.md", "`SLODataUnavailable` opens; default `10m`", Alerting().no_data_for, timedelta(minutes=10)),
    ("slo-format.md", "no events for that; default `10m`", Alerting().no_traffic_for, timedelta(minutes=10)),
    ("slo-format.md", "before it is resolved; default `1d`",
     SeverityPolicy(severity=Severity.PAGE, rules=()).resolve_no_traffic_after, timedelta(days=1)),
    ("slo-format.md", "may be late, up to 6h, before", composites._LONGEST_PATIENCE, timedelta(hours=6)),
    ("slo-format.md", "in the hour before, or in six times `no_traffic_for` if that is less. The half hours before",
     _same(traffic._LONGEST_LATELY_S, traffic._LATELY_SILENCES, 2 * traffic._NEARBY_S), (3_600.0, 6.0, 1_800.0)),
    ("slo-format.md", "it fires after 3, 9 or 27 times", traffic._LONGER.tolist(), [1.0, 3.0, 9.0, 27.0]),
    ("slo-format.md", "`1h` to `90d`, rolling", _same(windows._SHORTEST, windows._LONGEST),
     (timedelta(hours=1), timedelta(days=90))),
    ("troubleshooting.md", "retried after up to 10 minutes", backfill._LONGEST_PAUSE_S, 600.0),
    ("troubleshooting.md", "at the start by more than five minutes", engine._FAR_AHEAD_S, 300.0),
    ("http.md", "nine tenths of the last day's events or more are bad, of at least six hours and 20 events",
     _same(problems._MOSTLY_BAD, matched_series.ESTABLISHED_S, matched_series.ESTABLISHED_EVENTS),
     (0.9, 6 * 3_600.0, 20.0)),
    ("http.md", "5 minutes of the last three days, 15 minutes before",
     _same(ledger.MIDDLE_WIDTH_S, ledger.MIDDLE_REACH_S, ledger.COARSE_WIDTH_S), (300, 3 * 86_400, 900)),
    ("http.md", "What was shown is kept for 180 days", writer._BUDGETS_KEPT, timedelta(days=180)),
    ("http.md", "the totals of each day are kept for five years", ledger_store.DAYS_KEPT_S, 1_827 * 86_400),
    ("http.md", "such as that Prometheus took more than 10 s", contributors_in_range.ANSWERED_WITHIN_S, 10.0),
    ("http.md", "a hundredth of the bad events or more", contributors_in_range._LEAST_SHARE, 0.01),
    ("http.md", "(default 400, at most\n2,000; at most 50,000 for all SLOs, and 1,000 members of groups)",
     _same(timespans.DEFAULT_POINTS, routes._MOST_POINTS, routes._MOST_POINTS_OF_ALL, routes._MOST_MEMBERS),
     (400, 2_000, 50_000, 1_000)),
    ("http.md", "the series of up to 100 SLOs", routes._MOST_SLOS, 100),
    ("http.md", "(default 100, at most 1000)", _same(parameters.DEFAULT_LIMIT, parameters.MAX_LIMIT), (100, 1_000)),
    ("http.md", "at most 11,000 points", timespans.MAX_POINTS, 11_000),
    ("adr/0012-refire-before-resolve-after-alertmanager-restart.md", "the default `group_wait` of 30 s",
     Reassertion().group_wait, timedelta(seconds=30)),
    ("adr/0012-refire-before-resolve-after-alertmanager-restart.md", "late by 5 to 35 seconds",
     Reassertion().margin, timedelta(seconds=5)),
    ("adr/0013-send-changes-from-the-outbox-and-repeat-the-rest.md", "were resolved in the last 15 minutes",
     signature(StoredAlertsToRepeat).parameters["repeat_resolved"].default, timedelta(minutes=15)),
    ("adr/0008-send-pages-while-nothing-can-be-written.md", "newest 100,000 transitions",
     pending_writes._MOST, 100_000),
    ("adr/0014-fire-on-evidence.md", "at 0.55 of the factor", evidence._SLOWER, 0.55),
    ("adr/0015-end-on-evidence.md", "(5, 10 or 15 minutes of 30)", evidence._PARTS, (6, 3, 2)),
    ("adr/0015-end-on-evidence.md", "below all factors beyond a doubt of\n  1 in 100",
     evidence._DOUBT_THAT_IT_IS_OVER, 0.01),
    ("adr/0015-end-on-evidence.md", "at least one of them bad with 80 %", evidence._DOUBT_THAT_IT_PAUSES, 0.2),
    ("adr/0016-tell-of-missing-data-and-budgets-by-tickets.md", "(0.95 of the share, 1.25 of the time)",
     _same(conditions._SLACK, conditions._LONGER), (0.95, 1.25)),
    ("adr/0016-tell-of-missing-data-and-budgets-by-tickets.md", "must hold for half an hour",
     conditions._SETTLED, timedelta(minutes=30)),
    ("adr/0018-count-errors-in-one-slot-once.md", "Fewer than eight bad events are evidence only if",
     _same(evidence._MANY, evidence._MOMENTS), (8.0, 2.0)),
    ("adr/0025-bound-connections-in-the-server.md", "asyncio accepts 64 connections at most",
     http_server._ACCEPTED_AT_ONCE, 64),
    ("adr/0025-bound-connections-in-the-server.md", "Once a second, connections", http_server._TICK_S, 1.0),
    ("adr/0025-bound-connections-in-the-server.md", "works on 8 requests at once, 200 wait",
     _same(admission._AT_ONCE, admission._WAITING), (8, 200)),
    ("adr/0025-bound-connections-in-the-server.md", "100 lines a minute are logged, of libraries 10",
     _same(repeats._MOST_OWN, repeats._MOST_OTHERS, repeats._PERIOD_S), (100, 10, 60.0)),
    ("adr/0027-run-blocking-calls-in-detached-threads.md", "three where one has hung for 30 s, 64 in all",
     _same(*(signature(detached.DetachedCalls).parameters[name].default
             for name in ("most_of_key", "renew_after_s", "most_with_repeats"))), (3, 30.0, 64)),
    ("adr/0027-run-blocking-calls-in-detached-threads.md", "the first call of a key finds room up to 512",
     signature(detached.DetachedCalls).parameters["most"].default, 512),
    ("adr/0060-end-no-alert-by-a-change-that-reads-as-recovery.md", "for up to six hours",
     missing_total._USUAL_FOR_S, 6 * 3600.0),
    ("adr/0027-run-blocking-calls-in-detached-threads.md", "cannot be read within 2 s", secret_files.READ_S, 2.0),
    ("adr/0029-say-which-slis-cannot-be-judged.md", "Up to 2.1 scrape intervals (330 s at least)",
     _same(ledger._GAP_SCRAPES, LOOKBACK_S), (2.1, 330.0)),
    ("adr/0030-read-large-selectors-in-parts.md", "Two answers above 4 MiB", large_answers._LARGE_BYTES, 4 * MIB),
    ("adr/0030-read-large-selectors-in-parts.md", "freed blocks above 16 MiB", memory._LARGE_BLOCK_BYTES, 16 * MIB),
    ("adr/0030-read-large-selectors-in-parts.md", "into 8 parts at most", query_batcher._MOST_PARTS, 8),
    ("adr/0031-send-pages-without-waiting-for-top-contributors.md", "four SLOs a slot, two queries at once, 5 s each",
     _same(top_contributors._MOST_ASKED, top_contributors._AT_ONCE, top_contributors.FOUND_WITHIN_S), (4, 2, 5.0)),
    ("adr/0033-end-alerts-only-by-what-is-seen.md", "measured within the hour before the newest",
     group_limit.GONE_S, 3_600.0),
    ("adr/0034-record-the-budgets-that-were-shown.md", "differs by more than 0.0005", budget_record._CHANGE, 0.0005),
    ("adr/0035-ask-when-processes-began.md", "at most 100\ntargets, with a deadline of 2 s",
     _same(start_times._MOST_TARGETS, start_times._DEADLINE_S), (100, 2.0)),
    ("adr/0037-store-the-state-of-each-sli-by-itself.md", "keeps its rows for 100 days",
     ledger_store._UNUSED_KEPT_S, 100 * 86_400),
    ("adr/0038-run-on-postgresql-by-a-lease.md", "locks are waited for at most 5 s", postgres._LOCK_WITHIN_S, 5),
    ("adr/0039-project-budgets-by-events.md", "last 5 minutes, 30 minutes or hour",
     figures._RECENT, (timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=5))),
    ("adr/0039-project-budgets-by-events.md", "of them with ten bad events", exhaustion._ENOUGH_EVENTS, 10.0),
    ("adr/0044-know-a-second-server-by-how-it-counts.md",
     "four deviations of chance in eight of ten samples, squares at most 1.5 times",
     _same(copies._DEVIATIONS, copies._AGREEING, copies._EXCESS), (4.0, 0.8, 1.5)),
    ("adr/0044-know-a-second-server-by-how-it-counts.md", "a counter of at least 100 events",
     copies.CERTAIN_EVENTS, 100.0),
    ("counting.md", "up to ten times its pace", plausibility.RESET_PACES, 10.0),
    ("counting.md", "within an hour, by a step that is more than chance", runs.LEVEL_KEPT_S, 3_600.0),
    ("counting.md", "above 1,000 events, or another one of its target proves it", plausibility.UNKNOWN_EVENTS, 1_000.0),
    ("counting.md", "it does not go back within 150 s", plausibility.RECENT_S, 150.0),
    ("counting.md", "three times what their target counts in the gap, plus 10; or 100",
     _same(plausibility.FIRST_VALUE_PACES, plausibility.SLACK_EVENTS, plausibility.IDLE_EVENTS), (3.0, 10.0, 100.0)),
    ("counting.md", "by 1.5 scrapes, or they hold", new_targets.PATIENCE_SCRAPES, 1.5),
    ("counting.md", "or for two scrapes and fell by more than 2 events and 1%",
     _same(falls._MISSED_SCRAPES, plausibility.NEAR_EVENTS, plausibility.NEAR_RATIO), (2.5, 2.0, 0.01)),
    ("counting.md", "100,000 when it has been gone for 90 seconds",
     _same(new_targets.JOB_EVENTS, new_targets.GONE_AFTER_S), (100_000.0, 90.0)),
    ("counting.md", "may have timestamps up to a minute apart",
     _same(steps._SAME_SCRAPE_S, first_samples._FIRST_SCRAPE_S), (60.0, 60.0)),
    ("counting.md", "fall on the same half second", copies._SAME_SCRAPE_S, 0.5),
    ("counting.md", "it takes twenty samples of both that agree", copies._PROOF_SAMPLES_OF_SERVERS, 20),
    ("adr/0049-recognise-the-series-of-an-answer-as-a-whole.md", "every answer of more than 16 KB",
     fast_samples._SHORTEST_BODY, 16 * KIB),
    ("adr/0049-recognise-the-series-of-an-answer-as-a-whole.md", "for longer than 1,000 further answers",
     known_series._KEPT_FOR_ANSWERS, 1_000),
    ("adr/0053-send-pages-to-the-fallback-while-retries-go-on.md", "(default 5 min)",
     DEFAULT_FALLBACK_AFTER, timedelta(minutes=5)),
)  # fmt: skip


@pytest.mark.parametrize(("page", "sentence", "value", "promised"), PROMISES)
def test_a_promised_figure_is_that_of_the_code(page: str, sentence: str, value: object, promised: object) -> None:
    assert sentence in (DOCS / page).read_text()
    assert value == promised
