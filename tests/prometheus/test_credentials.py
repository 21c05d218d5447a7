"""Logging in, and keeping quiet about it."""

import asyncio
import logging
import ssl
import subprocess
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from typing_extensions import override

from app.clock import SystemClock
from app.prometheus import HttpConfig, MisconfiguredError, PrometheusError, UnreachableError, open_client
from app.prometheus import credentials as credentials_module
from app.prometheus.credentials import Credentials
from testbed.fault_proxy import FaultProxy, Reply, Seen
from tests.prometheus.samples import END

pytestmark = pytest.mark.anyio

CANARY = "canary-7f3a"
ONE = b'{"status":"success","data":{"resultType":"scalar","result":[1767225600,"1"]}}'


@pytest.fixture
def echo() -> Iterator[FaultProxy]:
    with FaultProxy() as proxy:
        proxy.fault = Reply(body=ONE, headers={"Content-Type": "application/json"})
        yield proxy


async def ask(config: HttpConfig, *, deadline: float = 60) -> None:
    async with open_client(config, clock=SystemClock()) as client:
        await client.instant("1", END, deadline=deadline)


async def seen_with(echo: FaultProxy, config: HttpConfig) -> Seen:
    await ask(config)
    return echo.seen[-1]


async def test_basic_authentication(echo: FaultProxy) -> None:
    seen = await seen_with(echo, HttpConfig(url=echo.url, username="anna", password="pä:ss"))  # noqa: S106  # made up
    assert seen.headers["authorization"] == "Basic YW5uYTpww6Q6c3M="


async def test_a_bearer_token_and_headers_of_our_own(echo: FaultProxy) -> None:
    own = {"X-Scope-OrgID": "team-a", "user-agent": "ours"}
    config = HttpConfig(url=echo.url, bearer_token="t0ken", headers=own)  # noqa: S106  # made up
    assert (await Credentials(config).headers()).get_list("user-agent") == ["ours"]
    seen = await seen_with(echo, config)
    assert seen.headers["authorization"] == "Bearer t0ken"
    assert seen.headers["x-scope-orgid"] == "team-a"


async def test_a_path_in_the_address_is_kept(echo: FaultProxy) -> None:
    assert (await seen_with(echo, HttpConfig(url=f"{echo.url}/prom/"))).target == "/prom/api/v1/query"


async def test_proxies_in_the_environment_are_not_used(echo: FaultProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await ask(HttpConfig(url=echo.url))


async def test_a_file_is_read_anew_when_it_changes(
    echo: FaultProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials_module, "_LOOK_EVERY_S", 0.05)
    token = tmp_path / "token"
    token.write_text("first\n")
    async with open_client(HttpConfig(url=echo.url, bearer_token_file=token), clock=SystemClock()) as client:
        await client.instant("1", END)
        token.write_text("second\n")
        await asyncio.sleep(0.06)
        await client.instant("1", END)
    assert [seen.headers["authorization"] for seen in echo.seen] == ["Bearer first", "Bearer second"]


async def test_a_file_that_is_being_replaced_is_waited_for(echo: FaultProxy, tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with open_client(HttpConfig(url=echo.url, bearer_token_file=token), clock=SystemClock()) as client:
        asked = asyncio.create_task(client.instant("1", END, deadline=60))
        await asyncio.sleep(0.05)
        token.write_text("there now")
        await asked
        token.unlink()


async def test_a_file_that_is_missing_is_named(echo: FaultProxy, tmp_path: Path) -> None:
    missing = tmp_path / "token"
    with pytest.raises(PrometheusError, match=rf"cannot read the credentials in {missing}: No such file"):
        await ask(HttpConfig(url=echo.url, username="anna", password_file=missing), deadline=1)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"url": "localhost:9090"}, "must start with http"),
        ({"url": "ftp://host"}, "must start with http"),
        ({"url": f"http://anna:{CANARY}@host"}, "credentials do not belong"),
        ({"url": "http://host", "password": CANARY, "bearer_token": CANARY}, "give one of"),
        ({"url": "http://host", "username": "anna", "bearer_token": CANARY}, "either a username or a bearer"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(config: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        HttpConfig(**config)  # type: ignore[arg-type]  # all of them are texts here
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("headers", [{"X-Key": "a\nb"}, {"X Key": "a"}, {"X-Key": "ä"}, {"": "a"}])
async def test_a_header_that_cannot_be_sent_is_named(echo: FaultProxy, headers: dict[str, str]) -> None:
    with pytest.raises(MisconfiguredError, match=f"the header '{next(iter(headers))}' cannot be sent"):
        await ask(HttpConfig(url=echo.url, headers=headers))
    assert echo.seen == []


@pytest.mark.parametrize("way", ["password", "bearer_token", "header", "password_file", "bad header", "bad file"])
@pytest.mark.parametrize("fault", [Reply(status=401, body=b"no"), Reply(status=500), None])
async def test_secrets_appear_nowhere(
    echo: FaultProxy, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str, fault: Reply | None
) -> None:
    """Neither in a repr, nor in an exception with its traceback, nor in any log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "secret"
    file.write_text(f"{CANARY}\x00ä" if way == "bad file" else CANARY)
    echo.fault = fault or echo.fault
    configs = {
        "password": HttpConfig(url=echo.url, username="anna", password=CANARY),
        "bearer_token": HttpConfig(url=echo.url, bearer_token=CANARY),
        "header": HttpConfig(url=echo.url, headers={"X-Key": CANARY}),
        "password_file": HttpConfig(url=echo.url, username="anna", password_file=file),
        "bad header": HttpConfig(url=echo.url, headers={"X-Key": f"{CANARY}\nX-Evil: 1"}),
        "bad file": HttpConfig(url=echo.url, bearer_token_file=file),
    }
    config = configs[way]
    said = [repr(config), str(config)]
    try:
        async with open_client(config, clock=SystemClock()) as client:
            said += [repr(client), str(vars(client))]
            await client.instant("1", END, deadline=0.3)
    except PrometheusError as error:
        said += [repr(error), *traceback.format_exception(error)]
    assert CANARY not in "\n".join([*said, caplog.text])


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(ONE)))
        self.end_headers()
        self.wfile.write(ONE)

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


class _QuietServer(HTTPServer):
    @override
    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def tls_server(folder: Path, *, mutual: bool) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "cert.pem")
    server = _QuietServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost and its key."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    paths = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*command.split(), *paths], check=True, capture_output=True)
    return folder


async def test_a_certificate_of_an_own_authority_is_trusted_by_file(certificates: Path) -> None:
    with tls_server(certificates, mutual=False) as url:
        await ask(HttpConfig(url=url, tls_ca_file=certificates / "cert.pem"))


@pytest.mark.usefixtures("asked_once")
async def test_a_certificate_nobody_vouches_for_is_refused_unless_told_otherwise(certificates: Path) -> None:
    with tls_server(certificates, mutual=False) as url:
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            await ask(HttpConfig(url=url), deadline=60)
        await ask(HttpConfig(url=url, tls_insecure_skip_verify=True))


@pytest.mark.usefixtures("asked_once")
async def test_our_own_certificate_is_shown(certificates: Path) -> None:
    cert, key = certificates / "cert.pem", certificates / "key.pem"
    with tls_server(certificates, mutual=True) as url:
        with pytest.raises(UnreachableError):
            await ask(HttpConfig(url=url, tls_ca_file=cert), deadline=60)
        await ask(HttpConfig(url=url, tls_ca_file=cert, tls_cert_file=cert, tls_key_file=key))


async def test_tls_files_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="cannot use the TLS files"):
        await ask(HttpConfig(url="https://localhost", tls_ca_file=tmp_path / "missing"))
