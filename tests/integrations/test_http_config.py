"""Logging in, headers, TLS and egress proxies of receivers, as the configuration names them."""

import asyncio
import doctest
import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.outcome import Delivered, Failed, FailureReason, Outcome
from app.http import bypasses, environment_proxies, proxies
from app.integrations import NotifierContext, Receivers, load_config, open_receivers
from tests.support.connect_proxy import ConnectProxy
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.notifications import firing
from tests.support.receiver_harness import now
from tests.support.scripted_server import Reply, Scripted

SECRETS = {"PASSWORD": "pä:canary", "TOKEN": "canary-token", "KEY": "canary-key"}


def _open(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Receivers:
    file = folder / "sloburn.yaml"
    file.write_text(text)
    loaded = load_config(file, environment={**SECRETS, **(environment or {})})
    assert loaded.errors == ()
    context = NotifierContext(
        external_url="https://slo.example",
        interval=timedelta(seconds=30),
        clock=SkewedClock(),
        instruments=RecordingInstruments(),
        message_refs=MemoryMessageRefs(),
    )
    return open_receivers(loaded.config, context, is_healthy=lambda: True)


def _deliver(folder: Path, text: str, environment: Mapping[str, str] | None = None) -> Outcome:
    async def play() -> Outcome:
        opened = _open(folder, text, environment)
        try:
            (outcome,) = await opened.receivers[0].deliver([firing()], at=now())
            if opened.heartbeat is not None:
                assert await opened.heartbeat.beat()
            return outcome
        finally:
            await opened.aclose()

    return asyncio.run(play())


@pytest.mark.parametrize(
    ("config", "header", "value"),
    [
        ("basic_auth: {username: slo, password_env: PASSWORD}", "authorization", "Basic c2xvOnDDpDpjYW5hcnk="),
        ("authorization: {credentials_env: TOKEN}", "authorization", "Bearer canary-token"),
        ("authorization: {type: Token, credentials_env: TOKEN}", "authorization", "Token canary-token"),
        ("headers: {X-Scope-OrgID: team-a}", "x-scope-orgid", "team-a"),
        ("headers: {X-Scope-OrgID: {value: team-a}}", "x-scope-orgid", "team-a"),
        ("headers: {X-Key: {env: KEY}}", "x-key", "canary-key"),
    ],
)
@pytest.mark.parametrize("service", ["alertmanager: {urls: [URL]", "webhook: {url: URL"])
def test_every_request_to_a_receiver_logs_in_and_carries_its_headers(
    service: str, config: str, header: str, value: str, tmp_path: Path
) -> None:
    with Scripted() as server:
        text = f"receivers: [{{name: a, {service.replace('URL', server.url)}, http_config: {{{config}}}}}}}]"
        assert _deliver(tmp_path, text) == Delivered()
        assert server.requests
        assert {request.headers[header] for request in server.requests} == {value}


def test_no_secret_of_a_login_is_quoted(tmp_path: Path) -> None:
    with Scripted(otherwise=Reply(status=403, body=b"canary-token of team-a is wrong")) as server:
        config = "authorization: {credentials_env: TOKEN}, headers: {X-Scope-OrgID: team-a}"
        for service in (f"alertmanager: {{urls: ['{server.url}']", f"webhook: {{url: '{server.url}'"):
            outcome = _deliver(tmp_path, f"receivers: [{{name: a, {service}, http_config: {{{config}}}}}}}]")
            assert isinstance(outcome, Failed)
            assert (outcome.reason, outcome.detail) == (
                FailureReason.UNAUTHORIZED,
                "403 <secret> of team-a is wrong",
            )


def test_headers_of_a_receiver_stay_with_its_host(tmp_path: Path) -> None:
    with Scripted() as other:
        moved = Reply(status=307, headers={"Location": other.at("localhost")})
        with Scripted(moved) as server:
            text = (
                f"receivers: [{{name: a, webhook: {{url: '{server.url}', headers: {{X-Key: {{env: KEY}}}}, "
                "http_config: {authorization: {credentials_env: TOKEN}}}}]\noutgoing: {allow: [127.0.0.0/8]}"
            )
            assert _deliver(tmp_path, text) == Delivered()
            assert server.requests[0].headers["x-key"] == "canary-key"
    assert not {"x-key", "authorization"} & other.requests[0].headers.keys()


def test_the_heartbeat_has_headers_and_a_login(tmp_path: Path) -> None:
    with Scripted() as server, Scripted() as beats:
        text = (
            f"receivers: [{{name: a, webhook: {{url: '{server.url}'}}}}]\n"
            f"heartbeat: {{url: '{beats.url}', headers: {{X-Key: {{env: KEY}}}}, "
            "http_config: {basic_auth: {username: slo, password_env: PASSWORD}}}"
        )
        _deliver(tmp_path, text)
        (beat,) = beats.requests
    assert (beat.headers["x-key"], beat.headers["authorization"]) == ("canary-key", "Basic c2xvOnDDpDpjYW5hcnk=")


def test_tls_by_an_own_authority_with_an_own_certificate_and_name(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("am.example").configure_cert(context)
    ours = authority.issue_cert("sloburn.example")
    ours.private_key_and_cert_chain_pem.write_to_path(tmp_path / "ours.pem")
    shown = "cert_file: ours.pem, key_file: ours.pem"
    with Scripted(tls=context) as server:
        for tls, works in (
            (f"ca_file: ca.pem, server_name: am.example, {shown}", True),
            (f"insecure_skip_verify: true, {shown}", True),
            (f"ca_file: ca.pem, {shown}", False),
            ("ca_file: ca.pem, server_name: am.example", False),
        ):
            config = f"urls: ['{server.url}'], http_config: {{tls_config: {{{tls}}}}}"
            text = f"receivers: [{{name: a, alertmanager: {{{config}}}}}]"
            assert isinstance(_deliver(tmp_path, text), Delivered if works else Failed), tls


@pytest.mark.parametrize("service", ["alertmanager: {urls: [URL]", "webhook: {url: URL"])
@pytest.mark.parametrize(
    ("own", "of_all"),
    [
        ("proxy_url: PROXY", ""),
        ("proxy_url_env: PROXY_WITH_LOGIN", ""),
        ("proxy_from_environment: true", ""),
        ("", "proxy_url: PROXY"),
        ("", "proxy_from_environment: true"),
    ],
)
def test_a_proxy_is_asked_for_names_that_only_it_knows(service: str, own: str, of_all: str, tmp_path: Path) -> None:
    with Scripted() as proxy:
        environment = {"http_proxy": proxy.url, "PROXY_WITH_LOGIN": proxy.url.replace("//", "//anna:canary@")}
        text = (
            f"receivers: [{{name: a, {service.replace('URL', 'http://receiver.invalid:8080')}, "
            f"http_config: {{{own}}}}}}}]\noutgoing: {{{of_all}}}"
        ).replace("PROXY}", f"'{proxy.url}'}}")
        assert _deliver(tmp_path, text, environment) == Delivered()
        assert {request.path.partition("/api")[0].rstrip("/") for request in proxy.requests} == {
            "http://receiver.invalid:8080"
        }
        if "LOGIN" in own:
            assert proxy.requests[0].headers["proxy-authorization"] == "Basic YW5uYTpjYW5hcnk="


def test_an_https_receiver_is_reached_through_a_tunnel(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hook.invalid").configure_cert(context)
    with Scripted(tls=context) as server, ConnectProxy(server.port) as proxy:
        text = (
            "receivers: [{name: a, webhook: {url: 'https://hook.invalid/x'}}]\n"
            f"outgoing: {{proxy_url: '{proxy.url}', ca_file: ca.pem}}"
        )
        assert _deliver(tmp_path, text) == Delivered()
        assert proxy.requests[0].startswith("CONNECT hook.invalid:443 HTTP/1.1\r\n")
        assert server.requests[0].headers["host"] == "hook.invalid"


def test_what_needs_no_proxy_goes_directly(tmp_path: Path) -> None:
    with Scripted() as server, Scripted() as proxy:
        for no_proxy in ("127.0.0.1", "10.0.0.0/8,127.0.0.0/8", "*"):
            text = (
                f"receivers: [{{name: a, webhook: {{url: '{server.url}', "
                f"http_config: {{proxy_url: '{proxy.url}', no_proxy: '{no_proxy}'}}}}}}]"
            )
            assert _deliver(tmp_path, text) == Delivered()
        text = f"receivers: [{{name: a, webhook: {{url: '{server.url}'}}}}]\noutgoing: {{proxy_from_environment: true}}"
        assert _deliver(tmp_path, text, {"HTTP_PROXY": proxy.url, "NO_PROXY": "127.0.0.1"}) == Delivered()
        assert _deliver(tmp_path, text.partition("\n")[0], {"HTTP_PROXY": proxy.url}) == Delivered()
        # The environment's proxy is never asked for this machine: a local Alertmanager needs no NO_PROXY.
        assert _deliver(tmp_path, text, {"HTTP_PROXY": proxy.url}) == Delivered()
        assert (len(server.requests), proxy.requests) == (6, [])


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/latest"])
def test_a_proxy_is_not_asked_for_the_metadata_service(url: str, tmp_path: Path) -> None:
    with Scripted() as proxy:
        text = f"receivers: [{{name: a, webhook: {{url: '{url}', http_config: {{proxy_url: '{proxy.url}'}}}}}}]"
        outcome = _deliver(tmp_path, text)
        assert isinstance(outcome, Failed)
        assert outcome.reason is FailureReason.REFUSED
        assert proxy.requests == []


def test_a_proxy_does_not_follow_redirects_to_hosts_that_nobody_checks(tmp_path: Path) -> None:
    with Scripted(Reply(status=307, headers={"Location": "http://inner.invalid/"})) as proxy:
        text = (
            "receivers: [{name: a, webhook: {url: 'http://hook.invalid/', "
            f"http_config: {{proxy_url: '{proxy.url}'}}}}}}]"
        )
        outcome = _deliver(tmp_path, text)
        assert isinstance(outcome, Failed)
        assert outcome.detail == "a redirect to inner.invalid is not followed through a proxy"


def test_a_proxy_that_is_away_or_refuses_is_a_failure_that_passes(tmp_path: Path) -> None:
    with ConnectProxy(9, refusal="407 Proxy Authentication Required") as proxy:
        for url in (proxy.url, "http://127.0.0.1:9"):
            text = (
                "receivers: [{name: a, webhook: {url: 'https://hook.invalid/', "
                f"http_config: {{proxy_url: '{url}'}}}}}}]"
            )
            outcome = _deliver(tmp_path, text)
            assert isinstance(outcome, Failed)
            assert outcome.reason is FailureReason.UNREACHABLE


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "direct"),
    [
        ("example.org", 80, "example.org", True), ("a.example.org", 80, "example.org", True),
        ("aexample.org", 80, "example.org", False), ("example.org", 80, ".example.org", False),
        ("a.example.org", 80, ".example.org", True), ("EXAMPLE.org.", 80, "example.ORG", True),
        ("example.org", 8080, "example.org:8080", True), ("example.org", 80, "example.org:8080", False),
        ("10.1.2.3", 80, "10.0.0.0/8", True), ("11.1.2.3", 80, "10.0.0.0/8", False), ("[::1]", 80, "::1", True),
        ("fd00::1", 80, "fd00::/8", True), ("10.1.2.3", 80, "fd00::/8", False), ("anything", 1, "*", True),
        ("example.org", 80, "nonsense/8", False), ("example.org", 80, "", False), ("fd00::1", 80, "[fd00::1]:80", True),
        ("10.1.2.3", 81, "10.1.2.3:80", False),
    ],
)  # fmt: skip
def test_no_proxy_is_read_as_usual(host: str, port: int, no_proxy: str, direct: bool) -> None:
    assert bypasses(host, port, no_proxy.split(",")) is direct


def test_the_variables_of_the_environment_are_the_usual_ones() -> None:
    assert doctest.testmod(proxies).failed == 0
    lower = {"http_proxy": "http://a", "HTTP_PROXY": "http://b", "all_proxy": "http://c", "no_proxy": "x, y,"}
    assert environment_proxies(lower) == ("http://a", "http://c", ("x", "y"))
    assert environment_proxies({}) == (None, None, ())
    bare = {"HTTPS_PROXY": "proxy.example.org:3128", "ALL_PROXY": "other:1"}
    assert environment_proxies(bare) == ("http://other:1", "http://proxy.example.org:3128", ())


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ("basic_auth: {username: a, password_env: PASSWORD}, authorization: {credentials_env: TOKEN}",
         "http_config.authorization: excludes basic_auth"),
        ("authorization: {type: Basic, credentials_env: TOKEN}", "'Basic' is not a scheme"),
        ("authorization: {credentials: x}", "credentials: is a secret, which does not belong in this file"),
        ("basic_auth: {username: a}", "basic_auth: password is missing"),
        ("headers: {X-Key: {env: PASSWORD}}", "headers.X-Key: holds a value that no header can have"),
        ("headers: {'X Key': a}", "is not the name of a header"),
        ("headers: {content-type: text/plain}", "headers.content-type: is set for every request"),
        ("headers: {Content-Length: 5}", "headers.Content-Length: is set for every request"),
        ("headers: {X-Key: {env: KEY, value: a}}", "headers.X-Key: is given twice"),
        ("tls_config: {ca_file: nowhere.pem}", "tls_config: its files cannot be used: No such file"),
        ("tls_config: {key_file: key.pem}", "tls_config.cert_file: is missing beside key_file"),
        ("proxy_url: 'socks5://x'", "proxy_url: is not an http or https URL"),
        ("proxy_url_env: KEY", "proxy_url: is not a URL of a proxy"),
        ("proxy_url: 'http://x', proxy_from_environment: true", "proxy_from_environment: excludes proxy_url"),
        ("proxyurl: x", "proxyurl: unknown key; did you mean `proxy_url`?"),
    ],
)  # fmt: skip
def test_every_mistake_is_said_and_no_secret(config: str, error: str, tmp_path: Path) -> None:
    file = tmp_path / "sloburn.yaml"
    file.write_text(f"receivers: [{{name: a, alertmanager: {{urls: ['http://x'], http_config: {{{config}}}}}}}]")
    said = "\n".join(map(str, load_config(file, environment=SECRETS).errors))
    assert error in said
    assert "canary" not in said
