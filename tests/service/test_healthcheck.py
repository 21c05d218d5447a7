"""The health check of the image asks where the service listens."""

import pytest

from app import healthcheck
from testbed.process import closed_port
from tests.support.api import Served, listening


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["sloburn", "serve"], {}, ("127.0.0.1", 9720)),
        (["sloburn", "serve"], {"SLOBURN_LISTEN_ADDRESS": "0.0.0.0:9000"}, ("127.0.0.1", 9000)),
        (["sloburn", "serve", "--listen-address=:9001"], {"SLOBURN_LISTEN_ADDRESS": ":9000"}, ("127.0.0.1", 9001)),
        (["sloburn", "serve", "--listen-address", "[::]:9002", ""], {}, ("::1", 9002)),
        (["sloburn", "serve"], {"SLOBURN_LISTEN_ADDRESS": "10.1.2.3:9003"}, ("10.1.2.3", 9003)),
    ],
)
def test_it_follows_the_address(arguments: list[str], environment: dict[str, str], expected: tuple[str, int]) -> None:
    assert healthcheck.address(arguments, environment) == expected


def test_its_exit_code_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(Served.with_snapshots().app()) as url:
        monkeypatch.setenv("SLOBURN_LISTEN_ADDRESS", url.removeprefix("http://"))
        assert healthcheck.exit_code() == 0
    for address in (f"127.0.0.1:{closed_port()}", "nonsense"):
        monkeypatch.setenv("SLOBURN_LISTEN_ADDRESS", address)
        assert healthcheck.exit_code() == 1
