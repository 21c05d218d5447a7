"""The figures that the documents promise are those of the code: a changed constant fails here, with its sentence."""

from datetime import timedelta
from inspect import signature
from pathlib import Path

import pytest

from app.api import admission, guard, parameters, timespans
from app.delivery import Backoff
from app.delivery.message_receiver import RateLimit
from app.http import client, resolving
from app.integrations import AlertmanagerOptions, Reassertion, StoredAlertsToRepeat
from app.integrations.alertmanager import given_up, peer
from app.integrations.email import notifier as email
from app.integrations.pagerduty import notifier as pagerduty
from app.integrations.slack import notifier as slack
from app.integrations.webhook import notifier as webhook
from app.service import http_server
from app.store import postgres

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
    ("receivers.md", "webhooks and the heartbeat (three at most", webhook._REDIRECTS, 3),
    ("receivers.md", "each look-up within 7 s", resolving.LOOKUP_S, 7.0),
    ("receivers.md", "An answer is read up to 64 KiB", client._MOST_READ, 64 * KIB),
    ("receivers.md", "ends four minutes later",
     AlertmanagerOptions(urls=(), external_url="").lifetime, timedelta(minutes=4)),
    ("faults.md", "batches of 256 to Alertmanager", peer.BATCH, 256),
    ("faults.md", "after a crash it waits for the lease, 15 s", postgres.LEASE_S, 15.0),
    ("deploy.md", "renewed every five seconds", postgres._HEARTBEAT_S, 5.0),
    ("security.md", "| open connections | 512;", http_server._MOST_CONNECTIONS, 512),
    ("security.md", "4, 200; more are 503", admission._WAITING, 200),
    ("security.md", "| request body | 1 MiB |", guard.MAX_BODY_BYTES, MIB),
    ("security.md", "| answers that clients have not read yet | 128 MiB |", admission._MOST_UNSENT_BYTES, 128 * MIB),
    ("http.md", "(default 100, at most 1000)", _same(parameters.DEFAULT_LIMIT, parameters.MAX_LIMIT), (100, 1_000)),
    ("http.md", "at most 11,000 points", timespans.MAX_POINTS, 11_000),
    ("adr/0012-refire-before-resolve-after-alertmanager-restart.md", "the default `group_wait` of 30 s",
     Reassertion().group_wait, timedelta(seconds=30)),
    ("adr/0012-refire-before-resolve-after-alertmanager-restart.md", "late by 5 to 35 seconds",
     Reassertion().margin, timedelta(seconds=5)),
    ("adr/0013-send-changes-from-the-outbox-and-repeat-the-rest.md", "were resolved in the last 15 minutes",
     signature(StoredAlertsToRepeat).parameters["repeat_resolved"].default, timedelta(minutes=15)),
)  # fmt: skip


@pytest.mark.parametrize(("page", "sentence", "value", "promised"), PROMISES)
def test_a_promised_figure_is_that_of_the_code(page: str, sentence: str, value: object, promised: object) -> None:
    assert sentence in (DOCS / page).read_text()
    assert value == promised
