"""How each part of the demo is started: commands, configuration and environment."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.endpoints import INSTANCE, JOB
from demo.ports import Ports
from demo.processes import Command
from demo.programs import Programs

SLOS = Path(__file__).with_name("slos")

_SCRAPE_INTERVAL = "5s"
_RETENTION = "60d"
# The history that Sloburn sends, and an hour to send it in.
_OUT_OF_ORDER_WINDOW = "31d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What all parts are started with: the folder they keep their data in, their ports, their programs.

    *api_token* is what marks, notes and reloads need; a new one with each start, as any page that a browser opens can
    send a form to loopback.
    """

    data: Path
    ports: Ports
    programs: Programs
    api_token: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def prometheus_data(self) -> Path:
        """Prometheus's storage."""
        return self.data / "prometheus"

    def shop(self, *, traffic: float) -> Command:
        """The shop, with its own customers."""
        return self._python("shop", "demo", "shop", f"--port={self.ports.shop}", f"--traffic={traffic}")

    def pager(self) -> Command:
        """The pager, which prints on the terminal."""
        return self._python("pager", "demo", "pager", f"--port={self.ports.pager}", quiet=False)

    def prometheus(self) -> Command:
        """Prometheus over the folder that the history was put into."""
        argv = [
            self.programs.prometheus,
            f"--config.file={self._config('prometheus', self._prometheus_config())}",
            f"--storage.tsdb.path={self.prometheus_data}",
            f"--storage.tsdb.retention.time={_RETENTION}",
            f"--web.listen-address={self.ports.address('prometheus')}",
            "--web.enable-remote-write-receiver",
        ]
        return self._command("prometheus", argv, ready="/-/ready")

    def alertmanager(self) -> Command:
        """Alertmanager, alone, with the pager as its only receiver."""
        argv = [
            self.programs.alertmanager,
            f"--config.file={self._config('alertmanager', self._alertmanager_config())}",
            f"--storage.path={self.data / 'alertmanager'}",
            f"--web.listen-address={self.ports.address('alertmanager')}",
            "--cluster.listen-address=",
        ]
        return self._command("alertmanager", argv, ready="/-/ready")

    def sloburn(self) -> Command:
        """The service itself."""
        settings = {
            "SLOBURN_PROMETHEUS_URL": self.ports.url("prometheus"),
            "SLOBURN_SPECS": str(self._documents()),
            "SLOBURN_CONFIG": str(self._config("sloburn", self._sloburn_config())),
            "SLOBURN_DATABASE_URL": f"sqlite:///{self.data / 'sloburn.db'}",
            "SLOBURN_LISTEN_ADDRESS": self.ports.address("sloburn"),
            "SLOBURN_EVALUATION_INTERVAL": "10s",
            "SLOBURN_ALERTMANAGER_URLS": self.ports.url("alertmanager"),
            "SLOBURN_EXTERNAL_URL": self.ports.url("sloburn"),
            "SLOBURN_API_TOKEN": self.api_token,
        }
        return self._python("sloburn", "app", "serve", env=settings, ready="/api/v1/status/health")

    def _python(
        self,
        name: str,
        module: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        ready: str = "/healthz",
        quiet: bool = True,
    ) -> Command:
        return self._command(name, [sys.executable, "-m", module, *arguments], env=env, ready=ready, quiet=quiet)

    def _command(
        self, name: str, argv: list[str], *, ready: str, env: Mapping[str, str] | None = None, quiet: bool = True
    ) -> Command:
        return Command(
            name=name,
            argv=argv,
            ready_url=self.ports.url(name) + ready,
            env={**_outside_environment(), **(env or {})},
            # Sloburn reads .env in its folder; the caller's must not reach the demo.
            cwd=self.data,
            log=self.data / f"{name}.log" if quiet else None,
        )

    def _documents(self) -> Path:
        """The SLOs, with runbooks on the port that the shop has: copies where that is another one."""
        default, chosen = Ports().url("shop"), self.ports.url("shop")
        if chosen == default:
            return SLOS
        folder = self.data / "slos"
        folder.mkdir(exist_ok=True)
        for document in SLOS.iterdir():
            text = document.read_text(encoding="utf-8").replace(f"{default}/", f"{chosen}/")
            (folder / document.name).write_text(text, encoding="utf-8")
        return folder

    def _config(self, name: str, content: Mapping[str, Any]) -> Path:
        path = self.data / f"{name}.yml"
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")
        return path

    def _prometheus_config(self) -> dict[str, Any]:
        address = self.ports.address
        return {
            "global": {"scrape_interval": _SCRAPE_INTERVAL},
            "storage": {"tsdb": {"out_of_order_time_window": _OUT_OF_ORDER_WINDOW}},
            "scrape_configs": [
                _scrape(JOB, address("shop"), {"instance": INSTANCE}),
                _scrape("sloburn", address("sloburn")),
                _scrape("alertmanager", address("alertmanager")),
                _scrape("prometheus", address("prometheus")),
            ],
        }

    def _sloburn_config(self) -> dict[str, Any]:
        """The month before Prometheus scraped Sloburn, as the same series as what is scraped."""
        labels = {"job": "sloburn", "instance": self.ports.address("sloburn")}
        url = f"{self.ports.url('prometheus')}/api/v1/write"
        return {"remote_write": [{"url": url, "labels": labels, "live": False}]}

    def _alertmanager_config(self) -> dict[str, Any]:
        return {
            "route": {
                "receiver": "pager",
                "group_by": ["slo", "severity"],
                "group_wait": "2s",
                "group_interval": "10s",
                "repeat_interval": "1h",
            },
            "receivers": [
                {
                    "name": "pager",
                    "webhook_configs": [{"url": self.ports.url("pager") + "/notify", "send_resolved": True}],
                }
            ],
        }


def _scrape(job: str, address: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"job_name": job, "static_configs": [{"targets": [address], "labels": dict(labels or {})}]}


def _outside_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SLOBURN_")}
