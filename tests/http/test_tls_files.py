"""Certificates that are replaced while the service runs."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from app.http import FollowedContext, tls_files
from app.http.client import CheckedClient, ClientOptions
from app.http.failures import AttemptError
from app.http.request_options import HttpOptions, TlsOptions
from app.prometheus import HttpConfig, open_client
from tests.support.fake_receivers import SkewedClock
from tests.support.scripted_server import Reply, Scripted


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_files, "LOOK_EVERY_S", 0.0)


def test_files_are_read_again_when_they_have_changed_and_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)

    def make() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=file)

    async def play(steps: Sequence[Callable[[], object]]) -> list[ssl.SSLContext]:
        followed = FollowedContext(make, [file])
        found = [followed.context]
        for step in steps:
            step()
            found.append(await followed.current())
        return found

    with capture_logs() as logs:
        first, same, broken, gone, still, renewed = asyncio.run(
            play(
                [
                    lambda: None,
                    lambda: file.write_text("half of a certificate"),
                    file.unlink,
                    lambda: None,
                    lambda: trustme.CA().cert_pem.write_to_path(file),
                ]
            )
        )
    assert first is same is broken is gone is still
    assert renewed is not first
    # A broken file that is then removed is logged once.
    assert [one["log_level"] for one in logs] == ["warning", "info"]


def test_a_certificate_that_was_replaced_is_shown_to_receivers_and_to_prometheus(tmp_path: Path) -> None:
    """The server changes the authority that it trusts, and so does the file of ours."""
    server_authority, theirs, others = trustme.CA(), trustme.CA(), trustme.CA()
    server_authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    theirs.configure_trust(context)
    server_authority.issue_cert("127.0.0.1").configure_cert(context)
    file, ca_file = tmp_path / "ours.pem", tmp_path / "ca.pem"

    def show(authority: trustme.CA) -> None:
        authority.issue_cert("sloburn.example").private_key_and_cert_chain_pem.write_to_path(file)

    async def play(url: str) -> None:
        tls = TlsOptions(ca_file=ca_file, cert_file=file, key_file=file)
        receiver = CheckedClient(ClientOptions(deadline=timedelta(seconds=60), http=HttpOptions(tls=tls)))
        config = HttpConfig(url=url, tls_ca_file=ca_file, tls_cert_file=file, tls_key_file=file)
        async with open_client(config, clock=SkewedClock()) as prometheus:
            with pytest.raises(AttemptError):
                await receiver.post(url, b"", {})
            show(theirs)
            assert (await receiver.post(url, b"", {})).ok
            await prometheus.build_info(deadline=60.0)
        await receiver.aclose()

    show(others)
    answer = Reply(headers={"Content-Type": "application/json"}, body=b'{"status":"success","data":{}}')
    with Scripted(otherwise=answer, tls=context) as server:
        asyncio.run(play(server.url))
        assert len(server.requests) == 2
