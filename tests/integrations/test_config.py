"""The file of receivers and routes: what it means, and what is said of mistakes."""

import ipaddress
import os
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from app.http import read_secret_now, secrets
from app.http.secrets import FixedSecret
from app.integrations import DeliveryConfig, load_config
from app.integrations.alertmanager.config import AlertmanagerTargets
from app.integrations.email.notifier import Encryption, MailOptions
from app.integrations.pagerduty.notifier import PagerDutyOptions
from app.integrations.slack.notifier import SlackBotOptions, SlackWebhookOptions
from app.integrations.webhook.notifier import WebhookOptions
from app.slo import Severity
from tests.support.notifications import firing

CANARY = "canary-7f3a"
WHOLE = """
receivers:
  - name: oncall
    pagerduty: {routing_key_env: PD_KEY}
    fallback: mail
    fallback_after: 2m
    per_minute: 60
  - name: payments
    slack: {webhook_url_file: hook.txt}
    timeout: 5s
    templates: {summary: "{{ service }} burns", description: "{{ description }} ask payments"}
  - name: bot
    slack: {bot_token_env: BOT, channel: "#slo"}
  - name: hook
    webhook: {url: "https://hooks.example/x", secret_env: SIGN, headers: {X-Key: {env: PD_KEY}}}
  - name: mail
    email: {host: mail.example, from: slo@example.org, to: [a@example.org], encryption: tls}
  - name: am
    alertmanager: {urls: ["http://am-0:9093", "http://am-1:9093"]}
routes:
  - match: {severity: page}
    receivers: [oncall]
    continue: true
  - match: {service: [checkout, "pay-*"], labels: {team: payments}}
    receivers: [payments, am]
default: [mail]
outgoing: {allow: [10.0.0.0/8]}
heartbeat: {url_env: BEAT, every: 30s}
watchdog: {receiver: am, labels: {team: sre}}
"""
ENVIRONMENT = {"PD_KEY": f"{CANARY}-pd", "BOT": f"{CANARY}-bot", "SIGN": f"{CANARY}-sign", "BEAT": "http://beat/x"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hook.txt").write_text(f"https://hooks.slack.example/{CANARY}\n")
    return tmp_path


def _load(folder: Path, text: str, urls: tuple[str, ...] = ()) -> DeliveryConfig:
    file = folder / "sloburn.yaml"
    file.write_text(text)
    loaded = load_config(file, environment=ENVIRONMENT, alertmanager_urls=urls)
    assert loaded.errors == ()
    return loaded.config


def _errors(folder: Path, text: str, urls: tuple[str, ...] = ()) -> list[str]:
    file = folder / "sloburn.yaml"
    file.write_text(text)
    loaded = load_config(file, environment=ENVIRONMENT, alertmanager_urls=urls)
    return [str(error).removeprefix(f"{folder}/") for error in loaded.errors]


def test_every_integration_is_understood(folder: Path) -> None:
    config = _load(folder, WHOLE)
    by_name = {receiver.name: receiver for receiver in config.receivers}
    targets = {name: type(receiver.target) for name, receiver in by_name.items()}
    assert targets == {
        "oncall": PagerDutyOptions,
        "payments": SlackWebhookOptions,
        "bot": SlackBotOptions,
        "hook": WebhookOptions,
        "mail": MailOptions,
        "am": AlertmanagerTargets,
    }
    assert by_name["oncall"].rate_limit.per_minute == 60
    assert config.routing.fallbacks == {"oncall": "mail"}
    assert config.routing.falling_back_to("mail") == {"oncall": timedelta(minutes=2)}
    assert by_name["payments"].timeout == timedelta(seconds=5)
    assert by_name["payments"].templates.summary == "{{ service }} burns"
    mail = by_name["mail"].target
    assert isinstance(mail, MailOptions)
    assert (mail.encryption, mail.to) == (Encryption.TLS, ("a@example.org",))
    assert config.policy.allowed == (ipaddress.ip_network("10.0.0.0/8"),)
    assert config.heartbeat is not None
    assert (config.heartbeat.url.reveal(), config.heartbeat.every) == ("http://beat/x", timedelta(seconds=30))
    assert config.watchdog is not None
    assert config.watchdog.receiver == "am"


def test_routes_are_taken_in_order(folder: Path) -> None:
    routing = _load(folder, WHOLE).routing
    assert routing.receivers(firing()) == ("oncall", "payments", "am")
    assert routing.receivers(firing(service="pay-eu")) == ("oncall", "payments", "am")
    assert routing.receivers(firing(severity=Severity.TICKET)) == ("payments", "am")
    assert routing.receivers(firing(service="shop")) == ("oncall",)
    assert routing.receivers(firing(service="shop", severity=Severity.TICKET)) == ("mail",)
    assert routing.receivers(firing(labels=())) == ("oncall",)


def test_every_receiver_can_be_notified_of_an_end_also_one_that_no_route_names(folder: Path) -> None:
    """A fallback, or a receiver that routes named before a reload, was notified that alerts fire."""
    config = _load(folder, WHOLE, urls=("http://am:9093",))
    assert config.routing.known == {"oncall", "payments", "bot", "hook", "mail", "am", "alertmanager"}
    assert config.routing.unrouted == ("bot", "hook")


def test_no_secret_shows_in_the_configuration(folder: Path) -> None:
    assert CANARY not in repr(_load(folder, WHOLE))


def test_a_file_that_is_read_anew_equals_itself_until_a_secret_or_a_route_changes(folder: Path) -> None:
    """A reload that changes nothing about receivers leaves them alone."""
    config = _load(folder, WHOLE)
    assert _load(folder, WHOLE) == config
    assert hash(FixedSecret("a")) == hash(FixedSecret("a"))
    variables = [name for name in ENVIRONMENT if name in WHOLE]
    changed = {**ENVIRONMENT, variables[0]: "http://another/secret"}
    assert load_config(folder / "sloburn.yaml", environment=changed).config != config
    assert _load(folder, WHOLE.replace("severity: page", "severity: ticket")) != config


def test_certificates_that_are_none_are_said_before_they_are_used(folder: Path) -> None:
    (folder / "ca.pem").write_text("no certificate")
    (missing,) = _errors(folder, "outgoing: {ca_file: nowhere.pem}\n")
    (broken,) = _errors(folder, "outgoing: {ca_file: ca.pem}\n")
    assert "there is no file" in missing
    assert "ca.pem: " in broken


def test_without_a_file_there_are_the_alertmanagers_of_the_setting() -> None:
    config = load_config(None, environment={}, alertmanager_urls=("http://a:9093",)).config
    assert config.names == ("alertmanager",)
    assert config.routing.receivers(firing()) == ("alertmanager",)
    assert load_config(None, environment={}).config == DeliveryConfig()


def test_an_empty_file_is_like_none(folder: Path) -> None:
    assert _load(folder, "# nothing yet\n", ("http://a:9093",)).names == ("alertmanager",)


def test_the_alertmanagers_of_the_setting_get_everything_unless_they_are_routed_to(folder: Path) -> None:
    mail = "receivers: [{name: mail, email: {host: m, from: a@b.example, to: [c@d.example]}}]\n"
    urls = ("http://a:9093",)
    assert _load(folder, mail, urls).routing.receivers(firing()) == ("alertmanager", "mail")
    routed = mail + "routes: [{match: {severity: page}, receivers: [alertmanager]}]\ndefault: [mail]\n"
    assert _load(folder, routed, urls).routing.receivers(firing()) == ("alertmanager",)
    assert _load(folder, routed, urls).routing.receivers(firing(severity=Severity.TICKET)) == ("mail",)


def test_without_routes_everybody_is_told(folder: Path) -> None:
    text = WHOLE.partition("routes:")[0]
    assert _load(folder, text).routing.receivers(firing()) == ("oncall", "payments", "bot", "hook", "mail", "am")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("receivres: []", "sloburn.yaml:1:1: receivres: unknown key; did you mean `receivers`?"),
        ("[]", "sloburn.yaml:1:1: a document must be a mapping, not a list; write receivers: and a list"),
        ("receivers: [{name: a}]", ("sloburn.yaml:1:13: receivers[0]: names no service; write one of pagerduty, slack, "
         "webhook, email and alertmanager")),
        (f"receivers: [{{name: a, pagerduty: {{routing_key: {CANARY}}}}}]",
         ("sloburn.yaml:1:35: receivers[0].pagerduty.routing_key: is a secret, which does not belong in this file; "
         "write routing_key_file with the path of a file that holds it, or "
         "routing_key_env with the name of a variable")),
        ("receivers: [{name: a, pagerduty: {}}]",
         "receivers[0].pagerduty: routing_key is missing; write routing_key_file or routing_key_env"),
        ("receivers: [{name: a, pagerduty: {routing_key_env: NOPE}}]",
         ("sloburn.yaml:1:52: receivers[0].pagerduty.routing_key_env: the variable NOPE is not set; "
         "set it, or name a file instead")),
        ("receivers: [{name: a, slack: {webhook_url_file: nope}}]", "cannot be read"),
        ("receivers: [{name: a, slack: {bot_token_env: BOT}}]", "receivers[0].slack.channel: is missing"),
        ("receivers: [{name: a, slack: {}}]", "receivers[0].slack: has neither a webhook nor a bot"),
        ("receivers: [{name: a, webhook: {url: 'ftp://x'}}]",
         ("sloburn.yaml:1:38: receivers[0].webhook.url: is not an http or https URL; "
         "write something like https://example.org/hook")),
        (f"receivers: [{{name: a, webhook: {{url: 'http://u:{CANARY}@x'}}}}]", "holds a user or a password"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}}, {name: a, webhook: {url: 'http://x'}}]",
         "receivers[0].name: the name a is taken"),
        ("receivers: [{name: alertmanager, webhook: {url: 'http://x'}}]", "the name alertmanager is taken"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}, fallback: a}]", "leads back to the receiver itself"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}, fallback_after: 5m}]", "has no effect without fallback"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}, fallback: alertmanager, fallback_after: 2d}]",
         "receivers[0].fallback_after: is out of range; write a duration from 10s to 24h"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}, timeout: 5m}]", "write a duration from 1s to 15s"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}, templates: {summary: '{{ nope }}'}}]",
         "receivers[0].templates.summary: there is no nope"),
        ("routes: [{match: {severity: critical}, receivers: [alertmanager]}]\ndefault: []",
         "sloburn.yaml:1:29: routes[0].match.severity: 'critical' is not a severity; write one of page, ticket"),
        ("routes: [{receivers: [nobody]}]\ndefault: []",
         "sloburn.yaml:1:23: routes[0].receivers[0]: there is no receiver nobody; write one of alertmanager"),
        ("routes: [{receivers: [alertmanager]}]", "default: is missing"),
        ("outgoing: {allow: [everything]}", "outgoing.allow[0]: 'everything' is not a network"),
        ("heartbeat: {}", "heartbeat: url is missing; write url or url_file or url_env"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}}]\nwatchdog: {receiver: a}", "a is no Alertmanager"),
        ("receivers:\n  - name: a\n    email: {host: m, from: nobody, to: []}", "'nobody' is no address"),
        ("receivers:\n  - name: a\n    email: {host: 'm:587', from: a@b.c, to: [a@b.c]}", "host: m and port: 587"),
        ("receivers: {a: 1}", "receivers: must be a list"),
        ("changes: [{name: a, query: 'up(', service: [job], version: v}]", "changes[0].query: "),
        ("changes: [{name: a, query: up, service: [], version: v}]", "changes[0].service: "),
        ("reports: [{name: a, period: day, receivers: [hook]}]", "reports[0].period: 'day' is not a period"),
        ("reports: [{name: a, period: week, receivers: [none]}]", "reports[0].receivers[0]: none is not a receiver"),
        ("reports: [{name: a, period: week, receivers: [], timezone: X}]", "'X' is not a time zone"),
        ("remote_write: [{url: 'ftp://x'}]", "remote_write[0].url: is not an http or https URL"),
        ("remote_write: [{url: 'http://me:pw@x'}]", "remote_write[0].url: holds a user or a password"),
        ("remote_write: [{url: 'http://x', step: 2h}]",
         "remote_write[0].step: is out of range; write a duration from 1s to 1h"),
        ("remote_write: [{url: 'http://x', live: false, history: 0s}]", "live: leaves nothing to send"),
        ("remote_write: [{url: 'http://x', history: 30}]", "remote_write[0].history: 30 has no unit"),
        ("remote_write: [{url: 'http://x', labels: {http.route: a}}]", "'http.route' is not a label name"),
        ("remote_write: [{url: 'http://x', queue_config: {min_backoff: 5m}}]", "write min_backoff and a max_backoff"),
        ("remote_write: [{url: 'http://x'}, {url: 'http://x', live: true}]",
         "remote_write[0].labels: another receiver has the same URL and labels"),
        ("remote_write: [{url: 'http://x', http_config: {basic_auth: {username: me, password: hunter2}}}]",
         "remote_write[0].http_config.basic_auth.password"),
        ("default: alertmanager", "default: must be a list, not a string; write [alertmanager]"),
        ("receivers: [{name: a, webhook: {url: 'http://x'}, per_minute: 0}]", "is not a whole number above zero"),
        ("a: 1\na: 2", "a is given twice"),
        ("a: [", "this is not YAML"),
    ],
)  # fmt: skip
def test_every_mistake_has_a_place_and_a_remedy(folder: Path, text: str, error: str) -> None:
    said = "\n".join(_errors(folder, text, ("http://a:9093",)))
    assert error in said
    assert CANARY not in said


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    loaded = load_config(tmp_path / "nope.yaml", environment={})
    assert len(loaded.errors) == 1
    assert "nope.yaml" in str(loaded.errors[0])


def test_a_secret_file_that_blocks_is_a_mistake_but_none_for_a_service_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that hangs one receiver fails; a service that does not start notifies none. A missing file is said."""
    monkeypatch.setattr(secrets, "read_secret_now", partial(read_secret_now, within_s=0.05))
    os.mkfifo(tmp_path / "blocks")
    file = tmp_path / "sloburn.yaml"
    file.write_text("receivers: [{name: a, pagerduty: {routing_key_file: blocks}}]")
    try:
        assert "could not be read within" in str(load_config(file, environment={}).errors)
        loaded = load_config(file, environment={}, starting=True)
    finally:
        # Let the threads that read it end.
        os.close(os.open(tmp_path / "blocks", os.O_RDWR | os.O_NONBLOCK))
    assert (loaded.errors, loaded.config.names) == ((), ("a",))
    file.write_text("receivers: [{name: a, pagerduty: {routing_key_file: missing}}]")
    assert "cannot be read" in str(load_config(file, environment={}, starting=True).errors)


def test_people_reach_the_first_alertmanager_without_its_credentials() -> None:
    """A link on a page that everybody may read must not give a password away."""
    assert DeliveryConfig().alertmanager_url is None
    config = DeliveryConfig().with_alertmanagers(["http://user:secret@am:9093/x", "http://am-1:9093"])
    assert config.alertmanager_url == "http://am:9093/x"
