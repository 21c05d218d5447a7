"""Images and containers without Docker: buildah and podman of Debian, bases made by debootstrap.

Nothing is pulled from a registry: the bases that the Dockerfile and docker-compose.yml name are made here from packages
of Debian, under the same names. All containers share one network that only has loopback.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.servers import alertmanager_binary, prometheus_binary, promtool_binary
from testbed.waiting import wait_until
from tests.compose.stack import ROOT, replicated, services, stages

PREFIX = "sloburn-proof-"
NETWORK = f"{PREFIX}network"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PYTHON = stages()["runtime"]
_HOSTS = Path(tempfile.gettempdir()) / f"{PREFIX}hosts"
_TEMPLATES = "/usr/share/prometheus/alertmanager"
"""Where the Alertmanager of Debian has the default templates that others have built in."""
_START_POSTGRES = """\
#!/bin/sh
# As the image of PostgreSQL on Docker Hub starts, as far as docker-compose.replicas.yml needs it.
set -eu
export PGDATA=/var/lib/postgresql/data PATH="$(echo /usr/lib/postgresql/*/bin):$PATH"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf %s "$POSTGRES_PASSWORD" > /tmp/password
  initdb --encoding=UTF8 --username="$POSTGRES_USER" --pwfile=/tmp/password --auth=scram-sha-256 >&2
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single postgres >&2
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp
"""
_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"


def run(*command: str | Path, check: bool = True, timeout: float | None = 900) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, cwd=ROOT)
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}{done.stderr}"
    return done


def make_bases() -> None:
    """Make the images that the Dockerfile and docker-compose.yml begin with, where they are missing."""
    if run("podman", "image", "exists", _PYTHON, check=False).returncode != 0:
        with tempfile.TemporaryDirectory(prefix="sloburn-base-") as folder:
            run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "trixie", folder)
            root = Path(folder)
            (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
            # The image of Python lets pip install; Debian's Python does not.
            for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
                marker.unlink()
            # A machine whose egress is proxied has a certificate of its own.
            shutil.copy(_CERTIFICATES, root / _CERTIFICATES.lstrip("/"))
            _commit("scratch", _PYTHON, [(folder, "/")], ["--env", f"SSL_CERT_FILE={_CERTIFICATES}"])
    servers = {
        "prometheus": [(prometheus_binary(), "/bin/prometheus"), (promtool_binary(), "/bin/promtool")],
        "alertmanager": [(alertmanager_binary(), "/bin/alertmanager"), (_TEMPLATES, _TEMPLATES)],
    }
    for name, files in servers.items():
        image = services()[name]["image"]
        if run("podman", "image", "exists", image, check=False).returncode != 0:
            _commit(
                _PYTHON, image, files, ["--entrypoint", f'["/bin/{name}"]', "--user", "65534:65534"], own=f"/{name}"
            )


def make_postgres() -> None:
    """Make the image of PostgreSQL that docker-compose.replicas.yml names, where it is missing, of Debian's package."""
    image = replicated()["postgres"]["image"]
    if run("podman", "image", "exists", image, check=False).returncode == 0:
        return
    container = run("buildah", "from", _PYTHON).stdout.strip()
    for command in (
        "apt-get -qq update",
        "apt-get -qq -y --no-install-recommends install postgresql",
        "usermod --uid 999 postgres",
        "groupmod --gid 999 postgres",
        "install -d -o 999 -g 999 -m 1777 /var/lib/postgresql/data",
    ):
        run("buildah", "run", "--isolation=chroot", container, "sh", "-c", command)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "start")
        script.write_text(_START_POSTGRES)
        script.chmod(0o755)
        run("buildah", "copy", container, script, "/usr/local/bin/start")
    run("buildah", "config", "--entrypoint", '["/usr/local/bin/start"]', "--user", "999:999", container)
    run("buildah", "commit", container, f"docker.io/library/{image}")
    run("buildah", "rm", container)


def _commit(
    base: str, image: str, files: Sequence[tuple[str, str]], config: Sequence[str], *, own: str | None = None
) -> None:
    container = run("buildah", "from", base).stdout.strip()
    for source, target in files:
        run("buildah", "copy", container, source, target)
    if own is not None:
        run("buildah", "run", "--isolation=chroot", container, "install", "-d", "-o", "65534", "-g", "65534", own)
    run("buildah", "config", *config, container)
    run("buildah", "commit", container, f"docker.io/{image}" if "/" in image else f"docker.io/library/{image}")
    run("buildah", "rm", container)


def build(service: str) -> None:
    """Build the image of a service of docker-compose.yml."""
    spec = services()[service]
    options = [
        "--isolation=chroot",
        "--pull-never",
        "--format=docker",
        "--layers",
        f"--target={spec['build']['target']}",
    ]
    run("buildah", "build", *options, "--tag", spec["image"], ROOT)


@dataclass(frozen=True, slots=True)
class Container:
    """A container that was started; its name is that of its service."""

    name: str

    @property
    def log(self) -> str:
        """What it has printed."""
        done = run("podman", "logs", PREFIX + self.name)
        return done.stdout + done.stderr

    def inspect(self, field: str) -> str:
        """A field of what podman knows of it, such as State.ExitCode."""
        return run("podman", "inspect", "--format", f"{{{{.{field}}}}}", PREFIX + self.name).stdout.strip()

    def execute(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return run("podman", "exec", PREFIX + self.name, *command, check=check)

    def is_healthy(self) -> bool:
        """Whether its health check passes: that of docker-compose.yml, with Python in the place of wget."""
        test = replicated()[self.name]["healthcheck"]["test"][1:]
        if test[0] == "wget":
            test = ["python", "-c", f"import urllib.request; urllib.request.urlopen('{test[-1]}', timeout=4)"]
        return self.execute(*test, check=False).returncode == 0

    def wait_until_healthy(self) -> None:
        """Wait for its health check; fails where it ends."""

        def healthy() -> bool:
            assert self.inspect("State.Status") == "running", self.log
            return self.is_healthy()

        wait_until(healthy, lambda: f"{self.name} is not healthy: {self.log}")

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        return int(run("podman", "wait", PREFIX + self.name).stdout)

    def stop(self) -> int:
        """Stop it as Docker does; the exit code, 137 where it had to be killed."""
        run("podman", "stop", "--time", "10", PREFIX + self.name)
        return int(self.inspect("State.ExitCode"))

    def start(self) -> None:
        """Start it once more."""
        run("podman", "start", PREFIX + self.name)

    def remove(self) -> None:
        """Kill it, if it runs, and remove it."""
        run("podman", "rm", "--force", "--time", "0", PREFIX + self.name)


def start(name: str, *options: str, image: str | None = None, command: Sequence[str] = ()) -> Container:
    """Start a container in the network of all of them."""
    # The defaults of podman are above what a process without CAP_SYS_RESOURCE may set.
    limits = ["--ulimit=nofile=1024:4096", "--ulimit=nproc=1024:1024"]
    runtime = ["--runtime=runc"] if shutil.which("runc") else []
    # podman runs health checks by systemd, which a container or a CI machine may lack.
    common = ["--detach", "--no-healthcheck", f"--name={PREFIX}{name}", *limits, *runtime]
    # Those that share a network do not share its names.
    hosts = [f"--volume={_HOSTS}:/etc/hosts:ro"]
    network = ["--network=none"] if name == "network" else [f"--network=container:{NETWORK}"]
    run("podman", "run", *common, *network, *hosts, *options, image or replicated()[name]["image"], *command)
    return Container(name)


def start_service(name: str, *, spec: Mapping[str, Any] | None = None, **environment: str) -> Container:
    """Start a service as docker-compose.yml has it, or as *spec*, with more variables of its *environment*."""
    spec = services()[name] if spec is None else spec
    variables = {**spec.get("environment", {}), **environment}
    options = [f"--env={key}={_interpolated(value)}" for key, value in variables.items()]
    options += [f"--user={spec['user']}"] if "user" in spec else []
    options += [f"--volume={_volume(volume)}" for volume in spec.get("volumes", [])]
    options += [f"--tmpfs={path}" for path in spec.get("tmpfs", [])]
    options += [f"--cap-drop={capability}" for capability in spec.get("cap_drop", [])]
    options += [f"--security-opt={option.partition(':')[0]}" for option in spec.get("security_opt", [])]
    options += ["--read-only"] if spec.get("read_only") else []
    return start(name, *options, command=spec.get("command", []))


def _interpolated(value: str) -> str:
    """With the default of each variable, as `docker compose` has it without a file `.env`."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def _volume(volume: str) -> str:
    source, _, rest = volume.partition(":")
    return f"{ROOT / source}:{rest}" if source.startswith(".") else f"{PREFIX}{source}:{rest}"


@contextmanager
def network() -> Iterator[None]:
    """The network of all containers, where each name of a service is loopback; what was started is removed."""
    remove_all()
    try:
        _HOSTS.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *replicated())))
        start(
            "network",
            image=_PYTHON,
            command=["python", "-c", "import signal; signal.pause()"],
        )
        yield
    finally:
        remove_all()


def remove_all() -> None:
    """Remove the containers and the volumes of this proof."""
    names = run("podman", "ps", "--all", "--format", "{{.Names}}", "--filter", f"name=^{PREFIX}").stdout.split()
    # Others are in the network of that one.
    for name in sorted(names, key=lambda name: name == NETWORK):
        run("podman", "rm", "--force", "--time", "0", name)
    for name in volumes():
        if name.startswith(PREFIX):
            run("podman", "volume", "rm", "--force", name)


def volumes() -> set[str]:
    """The names of all volumes."""
    return set(run("podman", "volume", "ls", "--quiet").stdout.split())


def settings(values: Mapping[str, Any]) -> list[str]:
    """Options that set settings."""
    return [f"--env=SLOBURN_{name}={value}" for name, value in values.items()]
