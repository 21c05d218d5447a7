"""What the stack does before it starts anything, and with its parts."""

import signal
import socket
import sys
from pathlib import Path

import pytest

from demo.ports import Ports, PortsInUseError, require_free
from demo.processes import Command, ProcessEndedError, Processes
from demo.programs import MissingProgramError, Programs
from testbed.servers import free_port
from testbed.waiting import PATIENCE_S

_SERVER = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def _command(folder: Path, port: int, script: str = _SERVER, name: str = "shop") -> Command:
    return Command(
        name=name,
        argv=[sys.executable, "-c", script, str(port)],
        ready_url=f"http://127.0.0.1:{port}/",
        env={},
        cwd=folder,
        log=folder / f"{name}.log",
    )


def test_ports_in_use_are_all_said_with_their_flags() -> None:
    """Both taken ports are named at once, each with the flag that chooses another."""
    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        ports = Ports(
            sloburn=one.getsockname()[1],
            shop=free_port(),
            pager=free_port(),
            prometheus=other.getsockname()[1],
            alertmanager=free_port(),
        )
        with pytest.raises(PortsInUseError) as refusal:
            require_free(ports)
    assert f"sloburn needs {ports.sloburn}: choose another with --sloburn-port" in str(refusal.value)
    assert f"prometheus needs {ports.prometheus}: choose another with --prometheus-port" in str(refusal.value)
    assert "shop" not in str(refusal.value)


def test_one_port_for_two_parts_is_refused() -> None:
    one = free_port()
    with pytest.raises(PortsInUseError, match="the same port"):
        require_free(Ports(sloburn=one, shop=one, pager=free_port(), prometheus=free_port(), alertmanager=free_port()))


def test_a_missing_program_is_said_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PROMETHEUS", raising=False)
    with pytest.raises(MissingProgramError, match="prometheus is not installed: run scripts/setup"):
        Programs.find()


def test_a_part_that_dies_is_noticed_with_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes()
    try:
        processes.start(_command(tmp_path, free_port()), timeout=PATIENCE_S)
        processes.check()
        processes.running[0].signal(signal.SIGKILL)
        processes.running[0].process.wait()
        with pytest.raises(ProcessEndedError, match="shop ended with signal SIGKILL"):
            processes.check()
    finally:
        processes.stop()


def test_a_part_that_cannot_start_says_why(tmp_path: Path) -> None:
    processes = Processes()
    try:
        with pytest.raises(ProcessEndedError, match=r"(?s)exit code 1.*no room"):
            processes.start(_command(tmp_path, free_port(), "import sys; sys.exit('no room')"), timeout=PATIENCE_S)
    finally:
        processes.stop()


def test_stopping_ends_even_a_part_that_ignores_the_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.processes._STOP_SECONDS", 0.2)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _SERVER
    processes = Processes()
    try:
        processes.start(_command(tmp_path, free_port(), stubborn), timeout=PATIENCE_S)
    finally:
        ended = [process.process for process in processes.running]
        processes.stop()
    assert [process.returncode for process in ended] == [-signal.SIGKILL]
