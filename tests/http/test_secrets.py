"""Secrets in what receivers say of themselves (S3), and secrets that cannot be read or sent."""

import os
from pathlib import Path

import pytest

from app.delivery.notifier import Notifier
from app.delivery.outcome import Delivered, Failed, FailureReason
from app.http.secrets import FileSecret, FixedSecret, Secret, redacted
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.notifications import firing
from tests.support.receiver_harness import WRITER, deliver, outgoing
from tests.support.scripted_server import Scripted

HOOK = FixedSecret("https://hooks.example/services/T0CANARY/B0/canaryxyz?token=canary-q&v=2")


@pytest.mark.parametrize(
    "text",
    [
        "cannot POST https://hooks.example/services/T0CANARY/B0/canaryxyz?token=canary-q&v=2",
        "404 /services/T0CANARY/B0/canaryxyz?token=canary-q&v=2",
        "404 /services/T0CANARY/B0/canaryxyz",
        "no hook canaryxyz",
        "bad token canary-q",
        "no team T0CANARY",
    ],
)
def test_a_url_is_blotted_in_whole_and_in_pieces(text: str) -> None:
    assert "canary" not in redacted(text, [HOOK]).lower()


def test_what_is_no_secret_stays() -> None:
    assert redacted("hooks.example answers 404 at B0, v=2", [HOOK]) == "hooks.example answers 404 at B0, v=2"
    hook = FixedSecret("https://hooks.example/seven77/eight888")
    assert redacted("no seven77, no eight888", [hook]) == "no seven77, no <secret>"
    assert redacted("no key abc", [FixedSecret("abc")]) == "no key abc"
    assert redacted("key abcd is wrong", [FixedSecret("abcd")]) == "key <secret> is wrong"


def _webhook(server: Scripted, key: Secret) -> Notifier:
    options = WebhookOptions(url=FixedSecret(server.url), headers={"X-Key": key})
    return Webhook("team", options, outgoing=outgoing(), writer=WRITER, clock=SkewedClock())


@pytest.mark.parametrize("value", ["canär", "canar\ny: 1", "canar\x00"])
def test_a_header_that_cannot_be_sent_is_a_failure_that_counts(value: str) -> None:
    instruments = RecordingInstruments()
    with Scripted() as server:
        ((outcome,),) = deliver(lambda: _webhook(server, FixedSecret(value)), [firing()], instruments=instruments)
        assert server.requests == []
    assert isinstance(outcome, Failed)
    assert outcome.reason is FailureReason.UNAUTHORIZED
    assert "X-Key" in outcome.detail
    assert "canar" not in outcome.detail
    assert instruments.failures == {FailureReason.UNAUTHORIZED: 1}


def test_a_secret_file_that_blocks_fails_one_receiver_and_with_a_last_value_none(tmp_path: Path) -> None:
    never, once = tmp_path / "never", tmp_path / "once"
    os.mkfifo(never)
    once.write_text("\ufeffcanary\n")
    with Scripted() as server:
        ((blocked,),) = deliver(lambda: _webhook(server, FileSecret(never)), [firing()])
        assert isinstance(blocked, Failed)
        assert "could not be read within 2 s" in blocked.detail
        assert deliver(lambda: _webhook(server, FileSecret(once)), [firing()]) == [[Delivered()]]
        once.unlink()
        os.mkfifo(once)
        assert deliver(lambda: _webhook(server, FileSecret(once)), [firing()]) == [[Delivered()]]
        assert [request.headers["x-key"] for request in server.requests] == ["canary", "canary"]
