"""The whole service as a child process, as its users run it."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.forked import ForkedServer
from testbed.process import NotReadyError, Server, free_port
from testbed.waiting import PATIENCE_S

REPOSITORY = Path(__file__).resolve().parents[1]


def write_documents(documents: Sequence[Mapping[str, object]], folder: Path) -> Path:
    """Write SLO documents (JSON is YAML), one file for each service, and give the folder back."""
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        (folder / f"{document['service']}.yaml").write_text(json.dumps(document, indent=2))
    return folder


@contextmanager
def sloburn(
    prometheus_url: str,
    specs: Path,
    work_dir: Path,
    *,
    alertmanager_url: str = "",
    env: Mapping[str, str] | None = None,
    wait: bool = True,
    timeout: float = PATIENCE_S,
    open_files: int | None = None,
    forked: bool = False,
) -> Iterator[Server]:
    """`sloburn serve` over *specs* with its database in *work_dir*; *wait* until it evaluates.

    It may have *open_files* files open at most, as many as this process where that is None. *forked*: it starts
    with everything imported, unless its environment or that limit needs a process that is executed.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    port = free_port()
    settings = {
        "SLOBURN_PROMETHEUS_URL": prometheus_url,
        "SLOBURN_SPECS": str(specs),
        "SLOBURN_DATABASE_URL": f"sqlite:///{work_dir}/sloburn.db",
        "SLOBURN_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "SLOBURN_ALERTMANAGER_URLS": alertmanager_url,
        # Tests say when documents are reloaded.
        "SLOBURN_WATCH_INTERVAL": "off",
        "PYTHONPATH": str(REPOSITORY),
        **(env or {}),
    }
    can_be_forked = forked and open_files is None and "LD_PRELOAD" not in settings
    server = (ForkedServer if can_be_forked else Server)(
        name="sloburn",
        command=["serve"] if can_be_forked else [*_limited(open_files), sys.executable, "-m", "app", "serve"],
        port=port,
        # Tests that wait want slots to be evaluated; `/-/ready` comes long before that.
        ready_path="/api/v1/status/health",
        log_path=work_dir / "sloburn.log",
        env=settings,
        # Away from the repository, so that no `.env` of a developer is read.
        cwd=work_dir,
    )
    with server:
        if wait:
            server.start(timeout)
        else:
            server.launch()
        yield server


def _limited(open_files: int | None) -> Sequence[str]:
    return () if open_files is None else ("sh", "-c", f'ulimit -n {open_files}; exec "$0" "$@"')


__all__ = ["NotReadyError", "Server", "sloburn", "write_documents"]
