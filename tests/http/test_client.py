"""Where requests go, and where they do not: addresses, redirects, time and size (N7, S2)."""

import asyncio
import ipaddress
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from app.delivery.outcome import FailureReason
from app.http import IpAddress, Resolver, resolve_host
from app.http.addresses import AddressPolicy
from app.http.answers import Answer
from app.http.client import CheckedClient, ClientOptions
from app.http.failures import AttemptError
from app.http.request_options import HttpOptions, Login
from app.http.secrets import PlainValue
from testbed.waiting import PATIENCE_S
from tests.support.name_service import Rebinding
from tests.support.scripted_server import Reply, Scripted

NEVER = [
    "0.0.0.0", "169.254.169.254", "169.254.0.1", "169.254.255.255", "169.254.170.2", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "fe80::1",
    "febf::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "ff05::2", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
    "::ffff:100.100.100.200", "::169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1", "::ffff:224.0.0.1",
]  # fmt: skip
OURS = [
    "127.0.0.1", "127.255.255.254", "127.0.1.1", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
    "192.168.0.1", "192.168.255.255", "100.64.0.1", "100.127.255.255", "::1", "fc00::1", "fd12:3456::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:192.168.1.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::1", "2002:c0a8:101::1", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "2001:db8::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "52.94.236.248", "9.255.255.255", "11.0.0.1", "172.15.255.255", "172.32.0.1",
    "192.167.255.255", "169.253.255.255", "169.255.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1",
    "::ffff:8.8.8.8", "64:ff9b::808:808", "100.63.255.255", "100.128.0.1",
]  # fmt: skip


def _address(text: str) -> IpAddress:
    return ipaddress.ip_address(text)


@pytest.mark.parametrize("text", NEVER)
def test_what_answers_on_a_link_is_never_asked(text: str) -> None:
    policy = AddressPolicy()
    assert policy.refusal(_address(text), trusted=True)
    assert policy.refusal(_address(text), trusted=False)


@pytest.mark.parametrize("text", OURS)
def test_addresses_of_our_own_are_for_hosts_that_were_configured(text: str) -> None:
    policy = AddressPolicy()
    assert policy.refusal(_address(text), trusted=True) is None
    assert policy.refusal(_address(text), trusted=False)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_for_everybody(text: str) -> None:
    assert AddressPolicy().refusal(_address(text), trusted=False) is None


def test_what_is_allowed_by_name_is_allowed() -> None:
    policy = AddressPolicy(allowed=(ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fe80::/64")))
    assert policy.refusal(_address("10.1.2.3"), trusted=False) is None
    assert policy.refusal(_address("fe80::1"), trusted=True) is None
    assert policy.refusal(_address("10.2.0.1"), trusted=False)


def test_one_address_that_is_refused_spoils_the_name() -> None:
    addresses = [_address("8.8.8.8"), _address("169.254.169.254")]
    assert AddressPolicy().refusal_of_any(addresses, trusted=True) == "169.254.169.254 is a metadata service"


def _post(
    url: str,
    *,
    redirects: int = 3,
    read: bool = False,
    deadline_s: float = 60.0,
    resolver: Resolver = resolve_host,
    policy: AddressPolicy | None = None,
    ca_file: Path | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    options = ClientOptions(
        policy=policy or AddressPolicy(), deadline=timedelta(seconds=deadline_s), resolver=resolver, ca_file=ca_file
    )

    async def play() -> Answer:
        outgoing = CheckedClient(options)
        try:
            return await outgoing.post(url, b"{}", headers or {}, redirects=redirects, read=read)
        finally:
            await outgoing.aclose()

    return asyncio.run(play())


def _refusal(url: str, **arguments: object) -> tuple[FailureReason, str]:
    with pytest.raises(AttemptError) as caught:
        _post(url, **arguments)  # type: ignore[arg-type]  # the tests below know what they pass
    return caught.value.failed.reason, caught.value.failed.detail


@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1:70/", "127.0.0.1", "", "http://", "http:///x",
     "unix:///run/docker.sock", "http://user:secret@127.0.0.1/", "http://[::1", "http://127.0.0.1:port/"],
)  # fmt: skip
def test_only_plain_http_urls_are_asked(url: str) -> None:
    reason, detail = _refusal(url)
    assert reason is FailureReason.REFUSED
    assert "secret" not in detail


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "[::ffff:169.254.169.254]", "0xA9FEA9FE", "2852039166", "0251.0376.0251.0376", "0.0.0.0"],
)
def test_the_metadata_service_is_not_asked_however_it_is_written(host: str) -> None:
    reason, _ = _refusal(f"http://{host}/latest/meta-data")
    assert reason in {FailureReason.REFUSED, FailureReason.UNREACHABLE}


def test_the_address_that_was_checked_is_the_one_that_is_used() -> None:
    """The second answer of the name service would be another machine; nobody asks for it."""
    with Scripted() as server:
        names = Rebinding("127.0.0.1", "169.254.169.254")
        assert _post(server.at("hook.example"), resolver=names).status == 200
        assert names.asked == ["hook.example"]
        assert server.requests[0].headers["host"] == f"hook.example:{server.port}"


def test_an_address_that_nobody_listens_at_gives_way_to_the_next() -> None:
    with Scripted() as server:
        assert _post(server.at("hook.example"), resolver=Rebinding("127.0.0.7,127.0.0.1")).status == 200
    reason, _ = _refusal("http://hook.example:9/", resolver=Rebinding("127.0.0.7,127.0.0.1"))
    assert reason is FailureReason.UNREACHABLE


def test_a_redirect_is_checked_like_the_first_request() -> None:
    for target in ("http://169.254.169.254/latest", "http://metadata.example/"):
        with Scripted(Reply(status=307, headers={"Location": target})) as server:
            reason, detail = _refusal(server.at("hook.example"), resolver=Rebinding("127.0.0.1", "169.254.169.254"))
            assert (reason, "metadata" in detail) == (FailureReason.REFUSED, True)


@pytest.mark.parametrize("target", ["javascript:alert(1)", "http://127.0.0.1:99999/", "ftp://a/", "http://u:p@a/"])
def test_a_redirect_to_what_is_no_url_of_ours_is_no_fault_of_ours(target: str) -> None:
    """The server that answers chooses it: an unexpected error would write a traceback for each attempt."""
    with Scripted(otherwise=Reply(status=307, headers={"Location": target})) as server:
        assert _refusal(server.url)[0] is FailureReason.REFUSED


def test_a_redirect_to_another_host_does_not_reach_our_network() -> None:
    with Scripted() as inner, Scripted(Reply(status=307, headers={"Location": inner.at("inner.example")})) as server:
        reason, _ = _refusal(server.at("hook.example"), resolver=Rebinding("127.0.0.1", "127.0.0.1"))
        assert reason is FailureReason.REFUSED
        assert inner.requests == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_keeps_the_message(status: int) -> None:
    with Scripted(Reply(status=status, headers={"Location": "/there"})) as server:
        assert _post(server.url).status == 200
        assert [(request.path, request.body) for request in server.requests] == [("/", b"{}"), ("/there", b"{}")]


def test_what_proves_who_we_are_stays_with_the_host_it_is_for() -> None:
    policy = AddressPolicy(allowed=(ipaddress.ip_network("127.0.0.0/8"),))
    with Scripted() as other, Scripted(Reply(status=307, headers={"Location": other.at("localhost")})) as server:
        _post(server.url, policy=policy, headers={"Authorization": "Bearer x", "X-Other": "y"})
        assert "authorization" in server.requests[0].headers
        assert "authorization" not in other.requests[0].headers
        assert other.requests[0].headers["x-other"] == "y"


def test_four_redirects_are_too_many() -> None:
    with Scripted(otherwise=Reply(status=308, headers={"Location": "/again"})) as server:
        assert _refusal(server.url) == (FailureReason.REFUSED, "127.0.0.1 redirects more than 3 times")
        assert len(server.requests) == 4


def test_303_and_strangers_are_answers_and_no_redirects() -> None:
    with Scripted(Reply(status=303, headers={"Location": "/elsewhere"})) as server:
        assert _post(server.url).status == 303


def test_a_receiver_that_hangs_is_left_after_the_deadline() -> None:
    with Scripted(Reply(delay_s=60.0)) as server:
        reason, detail = _refusal(server.url, deadline_s=0.5)
        assert (reason, detail) == (FailureReason.TIMEOUT, "127.0.0.1 did not answer within 0.5 s")


@pytest.mark.parametrize("reply", [Reply(status=500, drip_s=0.05), Reply(status=500, endless=True)])
def test_a_body_that_never_ends_is_cut(reply: Reply) -> None:
    """One byte now and then, or without end: what was said before counts, and at most 64 KiB are read."""
    with Scripted(reply) as server:
        answer = _post(server.url, deadline_s=5.0)
        assert answer.status == 500
        assert len(answer.body) <= 64 * 1024


def test_each_header_is_sent_once_in_whatever_case_it_is_configured() -> None:
    async def play(url: str) -> None:
        configured = {name: PlainValue("ours") for name in ("user-agent", "ACCEPT", "authorization")}
        login = Login(secret=PlainValue("token"))
        client = CheckedClient(ClientOptions(http=HttpOptions(headers=configured, login=login)))
        await client.post(url, b"{}", {"Content-Type": "application/json"})
        await client.aclose()

    with Scripted() as server:
        asyncio.run(play(server.url))
        (request,) = server.requests
    names = [name.lower() for name in request.names]
    assert sorted(set(names)) == sorted(names)
    assert [request.headers[name] for name in ("user-agent", "accept", "authorization")] == [
        "ours",
        "ours",
        "Bearer token",
    ]


def test_no_cookie_is_kept() -> None:
    """One of a balancer would send every page to the server that is dead."""

    async def play(url: str) -> None:
        client = CheckedClient(ClientOptions())
        for _ in range(2):
            await client.post(url, b"", {})
        await client.aclose()

    with Scripted(otherwise=Reply(headers={"Set-Cookie": "server=dead; Path=/"})) as server:
        asyncio.run(play(server.url))
        assert [request.headers.get("cookie") for request in server.requests] == [None, None]


def test_of_a_success_nothing_more_is_read() -> None:
    """Whoever reads the body, which never ends, waits for a deadline beyond the end of any test."""
    with Scripted(Reply(drip_s=0.05)) as server:
        assert _post(server.url, deadline_s=100 * PATIENCE_S).status == 200


def test_a_connection_that_is_closed_is_unreachable() -> None:
    with Scripted(Reply(cut=True)) as server:
        reason, _ = _refusal(server.url + "/T000/secret-path")
        assert reason is FailureReason.UNREACHABLE


def test_no_error_quotes_the_path_of_a_url() -> None:
    for url in ("http://127.0.0.1:1/services/T0/canary", "http://nowhere.invalid/canary", "canary"):
        _, detail = _refusal(url)
        assert "canary" not in detail


def test_the_certificate_is_that_of_the_name_and_not_of_the_address(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hook.example").configure_cert(context)
    with Scripted(tls=context) as server:
        arguments = {"resolver": Rebinding("127.0.0.1", "127.0.0.1", "127.0.0.1"), "ca_file": tmp_path / "ca.pem"}
        assert _post(server.at("hook.example"), **arguments).status == 200  # type: ignore[arg-type]
        reason, _ = _refusal(server.at("other.example"), **arguments)
        assert reason is FailureReason.UNREACHABLE
        reason, _ = _refusal(server.at("hook.example"), resolver=Rebinding("127.0.0.1"))
        assert reason is FailureReason.UNREACHABLE
