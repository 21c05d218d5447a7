"""The files in `deploy/` against the gate, by tests that do what the other side of each interface does.

Statuses, conditions, exit codes and inversions are those of the tools' own sources (docs/gate.md names them).
"""

import contextlib
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import hcl2
import pytest
import regopy
import yaml
from typer.testing import CliRunner
from typing_extensions import override

from app.changes import ChangeKind, ChangeStatus
from app.metrics import FAMILIES
from app.promql.selector_text import parse_promql
from app.status import DataState
from app.store.changes import ChangeFilter
from demo.shop import create_shop
from tests.gate.test_gate import spent
from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.snapshots import a_snapshot, an_slo

DEPLOY = Path(__file__).parents[2] / "deploy"
FOR_RUNNING = ("helm", "kustomize", "systemd")
"""Folders that run the service itself."""
ADDRESS = "http://sloburn.sloburn.svc:9720"
SERVICES = ("allows", "warns", "denies", "unknown")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service that is reached like the one that the files name, with an SLO for each decision."""
    served = Served.with_snapshots(
        spent(0.5, a_snapshot(an_slo("allows"))),
        spent(0.8, a_snapshot(an_slo("warns"))),
        spent(1.2, a_snapshot(an_slo("denies"))),
        spent(0.1, a_snapshot(an_slo("unknown")), data=DataState.STALE),
    )
    with listening(served.app()) as address:
        yield address


def text_of(name: str, url: str, service: str = "checkout") -> str:
    return (DEPLOY / name).read_text().replace(ADDRESS, url).replace("checkout", service)


def documents(name: str, url: str, service: str = "checkout") -> list[Any]:
    return list(yaml.safe_load_all(text_of(name, url, service)))


def request(url: str, body: Any = None) -> tuple[int, bytes]:
    """The status and body of an answer, an error or not."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310  ours
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310  ours
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def value_at(path: str, document: Any) -> Any:
    """The value at a JSONPath of keys, such as ``$.data.ok``."""
    for key in filter(None, path.strip("{}").removeprefix("$").split(".")):
        document = document[key]
    return document


def measured_by_argo(template: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """The phase of one measurement of an AnalysisTemplate with a web provider.

    Source: argo-rollouts metricproviders/webmetric/webmetric.go, utils/evaluate/evaluate.go
    """
    args = {one["name"]: one["value"] for one in template["spec"]["args"] if "value" in one} | dict(given)
    (metric,) = template["spec"]["metrics"]
    web = metric["provider"]["web"]
    address = re.sub(r"{{args\.([a-z]+)}}", lambda found: args[found[1]], web["url"])
    status, body = request(address)
    if not 200 <= status < 300:
        return "Error"
    result = value_at(web["jsonPath"], json.loads(body))
    # expr-lang reads keys of a map as members; what of it the templates use is Python too.
    names = {"result": SimpleNamespace(**result)}
    if eval(metric["failureCondition"], {}, names):  # noqa: S307  ours
        return "Failed"
    return "Successful" if eval(metric["successCondition"], {}, names) else "Inconclusive"  # noqa: S307  ours


@pytest.mark.parametrize(
    ("service", "phase"),
    [
        ("allows", "Successful"),
        ("warns", "Successful"),
        ("denies", "Failed"),
        ("unknown", "Inconclusive"),
        ("nobody", "Inconclusive"),
    ],
)
def test_argo_rollouts_goes_on_aborts_or_pauses(url: str, service: str, phase: str) -> None:
    gate, *_ = documents("argo-rollouts/analysis-template.yaml", url)
    assert measured_by_argo(gate, {"service": service}) == phase
    (metric,) = gate["spec"]["metrics"]
    assert metric["failureLimit"] == 0


@pytest.mark.parametrize(("service", "succeeds"), [("allows", True), ("warns", True), ("denies", False)])
def test_argo_cd_syncs_only_where_the_hook_succeeds(url: str, service: str, succeeds: bool) -> None:
    (job,) = documents("argo-cd/presync-gate.yaml", url, service)
    assert job["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PreSync"
    assert job["spec"]["backoffLimit"] == 0
    (container,) = job["spec"]["template"]["spec"]["containers"]
    arguments = [re.sub("^--wait=60s$", "--wait=1ms", one) for one in container["args"]]
    assert (CliRunner().invoke(app, arguments).exit_code == 0) is succeeds


@pytest.mark.parametrize(
    ("service", "before", "after"),
    [
        ("denies", [], ["deny"]),
        ("denies", ["deny"], None),
        ("allows", ["deny"], []),
        ("allows", [], None),
        ("unknown", ["deny"], None),
    ],
)
def test_argo_cd_has_a_sync_window_while_the_gate_denies(
    url: str, tmp_path: Path, service: str, before: list[str], after: list[str] | None
) -> None:
    """A `kubectl` of ours has the project; the window of another schedule stays."""
    cron, *_ = documents("argo-cd/sync-window.yaml", url)
    (container,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one["value"] for one in container["env"]}
    env |= {"QUERY": env["QUERY"].replace("checkout", service), "PATCH": str(tmp_path / "patch")}
    night = {"kind": "allow", "schedule": "0 22 * * *", "duration": "1h", "applications": ["*"]}
    ours = {
        "kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": json.loads(env["APPLICATIONS"]),
        "manualSync": True,
    }  # fmt: skip
    project = {"spec": {"syncWindows": [night, *([ours] if before else [])]}}
    (tmp_path / "project").write_text(json.dumps(project))
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        f'#!/bin/sh\nif [ "$1" = get ]; then cat {tmp_path}/project; else printf %s "$7" > "$PATCH"; fi\n'
    )
    kubectl.chmod(0o755)
    assert run_script("set -e\n" + container["args"][0], tmp_path, tmp_path, env) == 0
    patch = json.loads(Path(env["PATCH"]).read_text()) if Path(env["PATCH"]).exists() else None
    assert patch == (None if after is None else {"spec": {"syncWindows": [night, *([ours] if after else [])]}})


def asked_by_flagger(webhook: Mapping[str, Any]) -> bool:
    """Whether a webhook passes: any status up to 202.

    Source: flagger pkg/controller/webhook.go
    """
    payload: dict[str, Any] = {"name": "x", "namespace": "prod", "phase": "Progressing", "checksum": "1"}
    payload |= {"metadata": webhook["metadata"]}
    status, _ = request(webhook["url"], payload)
    return status <= 202


@pytest.mark.parametrize(
    ("service", "goes_on", "rolls_back"),
    [("allows", True, False), ("warns", True, False), ("denies", False, True), ("unknown", False, False)],
)
def test_flagger_goes_on_holds_or_rolls_back(url: str, service: str, goes_on: bool, rolls_back: bool) -> None:
    (canary,) = documents("flagger/canary-webhooks.yaml", url, service)
    passed = {one["type"]: asked_by_flagger(one) for one in canary["spec"]["analysis"]["webhooks"]}
    assert passed == {"confirm-rollout": goes_on, "rollout": goes_on, "rollback": rolls_back}


def monitored_by_spinnaker(webhook: Mapping[str, Any], parameters: Mapping[str, str]) -> str:
    """The status of a stage after one poll.

    Source: orca orca-webhook tasks/MonitorWebhookTask.java
    """
    address = re.sub(r"\$\{parameterValues\.(\w+)}", lambda found: parameters[found[1]], webhook["url"])
    status, body = request(address)
    if status >= 500 or status == 429:
        return "RUNNING"
    if status >= 400:
        return "TERMINAL"
    value = value_at(webhook["statusJsonPath"], json.loads(body))
    if isinstance(value, int | float):
        return "SUCCEEDED" if value == 100 else "RUNNING"
    for statuses, outcome in (("successStatuses", "SUCCEEDED"), ("terminalStatuses", "TERMINAL")):
        if value.upper() in webhook[statuses].upper().split(","):
            return outcome
    assert isinstance(value_at(webhook["progressJsonPath"], json.loads(body)), str)
    return "RUNNING"


@pytest.mark.parametrize(
    ("service", "outcome"),
    [("allows", "SUCCEEDED"), ("warns", "SUCCEEDED"), ("denies", "TERMINAL"), ("unknown", "RUNNING")],
)
def test_spinnaker_succeeds_fails_or_goes_on_polling(url: str, service: str, outcome: str) -> None:
    (config,) = documents("spinnaker/orca-local.yml", url)
    (webhook,) = config["webhook"]["preconfigured"]
    defaults = {one["name"]: one.get("defaultValue", "") for one in webhook["parameters"]}
    assert monitored_by_spinnaker(webhook, {**defaults, "service": service}) == outcome


@pytest.mark.parametrize(("service", "status"), [("allows", 200), ("warns", 200), ("denies", 403), ("unknown", 503)])
def test_jenkins_reads_the_status(url: str, service: str, status: int) -> None:
    pipeline = text_of("jenkins/Jenkinsfile", url, service)
    (address,) = re.findall(r"url: '(.*?)'", pipeline)
    (valid,) = re.findall(r"validResponseCodes: '(\d+)'", pipeline)
    answer, _ = request(address)
    assert answer == status
    assert (str(answer) == valid) is (service in {"allows", "warns"})


_CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", {port})) as server, server.makefile("rw") as file:
    print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]), file=file, flush=True)
    code, output = json.loads(file.readline())
sys.stdout.write(output)
sys.exit(code)
"""


class _Runs(socketserver.StreamRequestHandler):
    """Runs the command line in this process: to start it anew takes seconds on a busy machine."""

    @override
    def handle(self) -> None:
        arguments, folder, env = json.loads(self.rfile.readline())
        with contextlib.chdir(folder):
            done = CliRunner().invoke(app, arguments, env={"GITHUB_ACTIONS": "", "GITLAB_CI": "", **env})
        self.wfile.write(json.dumps([done.exit_code, done.output]).encode() + b"\n")


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a command `sloburn`, as the images have it."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Runs) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        folder = tmp_path_factory.mktemp("bin")
        script = folder / "sloburn"
        script.write_text(_CLIENT.format(python=sys.executable, port=server.server_address[1]))
        script.chmod(0o755)
        yield folder
        server.shutdown()
        thread.join()


def run_script(text: str, command: Path, folder: Path, env: Mapping[str, str]) -> int:
    """The exit code of a shell script in a folder of its own."""
    inherited = {"PATH": f"{command}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(["bash", "-c", text], cwd=folder, env={**inherited, **env}, check=False).returncode


def test_github_runs_the_composite_action(url: str, command: Path, tmp_path: Path) -> None:
    (action,) = documents("github-action/action.yml", url)
    install, gate = action["runs"]["steps"]
    assert [step for step in (install, gate) if "${{" in step["run"]] == []
    values = {name: one.get("default", "") for name, one in action["inputs"].items()} | {
        "url": url,
        "service": "denies",
    }
    inputs = {
        name: re.sub(r"\${{ inputs\.([a-z-]+) }}", lambda found: values[found[1]], text)
        for name, text in gate["env"].items()
    }
    files = {"GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    assert run_script(gate["run"], command, tmp_path, {**inputs, **files}) == 1
    outputs = dict(line.split("=", 1) for line in (tmp_path / "out").read_text().splitlines())
    assert outputs["decision"] == "deny"
    named = {re.findall(r"outputs\.([a-z-]+)", one["value"])[0] for one in action["outputs"].values()}
    assert named == outputs.keys()


def test_gitlab_blocks_on_deny_and_warns_on_unknown(url: str, command: Path, tmp_path: Path) -> None:
    (config,) = documents("gitlab/gate.gitlab-ci.yml", url)
    job = config[".sloburn-gate"]
    codes = {}
    for service in ("denies", "unknown"):
        variables = {**job["variables"], "GATE_SERVICE": service, "CI_PROJECT_PATH": "shop/a b"}
        codes[service] = run_script("\n".join(job["script"]), command, tmp_path, variables)
        for report in job["artifacts"]["reports"].values():
            assert (tmp_path / report).read_text()
    # The job of an exit code that may fail shows a warning, and the pipeline goes on.
    allowed = {service: code in job["allow_failure"]["exit_codes"] for service, code in codes.items()}
    assert (codes, allowed) == ({"denies": 1, "unknown": 2}, {"denies": False, "unknown": True})


def test_tekton_reports_a_deny_to_later_tasks(url: str, command: Path, tmp_path: Path) -> None:
    (task,) = documents("tekton/gate-task.yaml", url)
    (step,) = task["spec"]["steps"]
    params = {one["name"]: one.get("default", "") for one in task["spec"]["params"]}
    params |= {"service": "denies", "mode": "report"}
    env = {one["name"]: params[re.findall(r"\$\(params\.(\w+)\)", one["value"])[0]] for one in step["env"]}
    script = step["script"].replace("/tmp/", f"{tmp_path}/")  # noqa: S108  of the container
    script = re.sub(r"\$\(results\.(\w+)\.path\)", lambda found: f"{tmp_path}/{found[1]}", script)
    assert run_script(script, command, tmp_path, env) == 0
    assert (tmp_path / "decision").read_text() == "deny"
    assert (tmp_path / "reason").read_text().startswith("denies-availability: ")


def test_the_step_of_jenkins_maps_every_exit_code(url: str, command: Path, tmp_path: Path) -> None:
    text = text_of("jenkins/vars/sloburnGate.groovy", url)
    (script,) = re.findall(r"script: '''(.*?)'''", text, re.DOTALL)
    # In a Groovy string a backslash is written twice.
    script = script.replace("\\\\", "\\")
    names = re.findall(r'"(GATE_\w+)=', text)
    env = dict.fromkeys(names, "x") | {"GATE_URL": url, "GATE_SERVICE": "denies", "GATE_WAIT": "1ms"}
    assert run_script(script, command, tmp_path, env) == 1
    assert "<failure" in (tmp_path / "sloburn-gate.xml").read_text()
    cases = dict(re.findall(r"^ +(case \d|default): ?(.*)$", text, re.MULTILINE))
    assert cases.keys() == {"case 0", "case 1", "case 2", "default"}
    assert "unstable(" in cases["case 2"]
    assert "error(" in cases["case 1"]


@pytest.mark.parametrize("service", SERVICES)
def test_terraform_and_opa_stop_on_deny_and_unknown(url: str, service: str) -> None:
    passes = service in {"allows", "warns"}
    with (DEPLOY / "terraform/gate.tf").open() as file:
        (data,) = hcl2.load(file)["data"]
    source = data['"http"']['"error_budget"']
    values = {"var.sloburn_url": url, "var.service": service, "var.environment": "prod"}
    address = re.sub(r"\$\{(?:urlencode\()?([\w.]+)\)?}", lambda found: values[found[1]], source["url"].strip('"'))
    status, body = request(address)
    (condition,) = (one["condition"] for block in source["lifecycle"] for one in block["postcondition"])
    form = r"self\.status_code == (\d+) && contains\((\[.*?]), jsondecode\(self\.response_body\)\.(\S+)\)"
    found = re.search(form, condition)
    assert found is not None
    decision = value_at(f"$.{found[3]}", json.loads(body))
    assert (status == int(found[1]) and decision in json.loads(found[2])) is passes

    rego = regopy.Interpreter()
    rego.add_module("gate", (DEPLOY / "opa/gate.rego").read_text())
    rego.set_input(json.loads(body))
    denials = json.loads(str(rego.query("x := data.sloburn.deny")))["bindings"]["x"]
    allowed = json.loads(str(rego.query("x := data.sloburn.allow")))["bindings"]["x"]
    assert (allowed, denials == []) == (passes, passes)


@pytest.mark.parametrize(("service", "runs"), [("allows", True), ("denies", False)])
def test_an_experiment_of_chaos_toolkit_starts_only_with_budget_left(
    url: str, service: str, runs: bool, tmp_path: Path
) -> None:
    """By the toolkit itself; what it breaks is a file here, and the guard asks the same question all the while."""
    experiment = json.loads((DEPLOY / "chaos-toolkit/experiment.json").read_text())
    (guard,) = experiment.pop("controls")
    (before,), (during,) = experiment["steady-state-hypothesis"]["probes"], guard["provider"]["arguments"]["probes"]
    assert (before["provider"], before["tolerance"]) == (during["provider"], during["tolerance"])
    experiment["method"][0] |= {"provider": {"type": "process", "path": "touch", "arguments": str(tmp_path / "broken")}}
    experiment["method"][0].pop("pauses")
    program = "import json, sys; from chaoslib.experiment import run_experiment; run_experiment(json.load(sys.stdin))"
    env = {**os.environ, "SLOBURN_URL": url, "SERVICE": service}
    text = json.dumps(experiment)
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, env=env, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "broken").exists() is runs, done.stderr


@pytest.mark.parametrize(("service", "broken"), [("checkout", True), ("catalog", False)])
def test_the_demo_breaks_its_shop_by_an_experiment_on_the_timeline(service: str, broken: bool, tmp_path: Path) -> None:
    """The toolkit runs the experiment of the demo against its shop; what it breaks is mended in the end."""
    budgets = [spent(0.5, a_snapshot(an_slo("checkout"))), spent(1.2, a_snapshot(an_slo("catalog")))]
    served = Served.with_snapshots(*budgets)
    served.events_token = "token"  # noqa: S105  a made-up token
    # What the toolkit reports is of now, and not in the future.
    served.incidents.clock.at = datetime.now(UTC) + timedelta(hours=1)
    experiment = json.loads((DEPLOY / "chaos-toolkit/demo.json").read_text())
    experiment["method"][0].pop("pauses")
    # What the shop was told is asked before it is mended.
    look = {"type": "http", "url": "${shop_url}/breakages"}
    probe = {"type": "probe", "name": "look", "provider": look}
    experiment["method"].append(probe)
    program = (
        "import json, sys; from chaoslib.experiment import run_experiment; "
        "json.dump(run_experiment(json.load(sys.stdin)), sys.stdout)"
    )
    with listening(served.app()) as sloburn, listening(create_shop(traffic=0)) as shop:
        env = {
            **os.environ, "SLOBURN_URL": sloburn, "SHOP_URL": shop, "SERVICE": service, "SLOBURN_EVENTS_TOKEN": "token",
            "PYTHONPATH": str(DEPLOY / "chaos-toolkit"),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", program], input=json.dumps(experiment), env=env, capture_output=True, text=True,
            check=True, cwd=tmp_path,
        )  # fmt: skip
        assert json.loads(request(f"{shop}/breakages")[1]) == {}
    journal = json.loads(done.stdout)
    seen = [run["output"]["body"] for run in journal["run"] if run["activity"]["name"] == "look"]
    assert [one[service]["errors"] for one in seen] == ([0.1] if broken else [])
    found = served.incidents.changes.listed(ChangeFilter(), limit=10)
    wanted = (ChangeKind.EXPERIMENT, service, experiment["title"], ChangeStatus.SUCCEEDED)
    assert [(one.kind, one.service, one.title, one.status) for one in found] == ([wanted] if broken else []), (
        done.stderr
    )


def test_kayenta_asks_for_metrics_that_exist() -> None:
    config = json.loads((DEPLOY / "spinnaker/canary-config.json").read_text())
    known = {family.name for family in FAMILIES}
    for metric in config["metrics"]:
        kind, _, query = metric["query"]["customInlineTemplate"].partition(":")
        assert (kind, metric["query"]["metricName"] in known) == ("PromQL", True)
        assert str(parse_promql(query.replace("${scope}", "v2"))).startswith(f"avg({metric['query']['metricName']}{{")
        assert metric["analysisConfigurations"]["canary"]["direction"] in {"increase", "decrease", "either"}
    groups = {group for metric in config["metrics"] for group in metric["groups"]}
    assert groups == config["classifier"]["groupWeights"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_chaos_mesh_and_litmus_read_the_status(url: str, service: str) -> None:
    runs = service in {"allows", "warns"}
    (workflow,) = documents("chaos-mesh/workflow.yaml", url, service)
    checks = [one for one in workflow["spec"]["templates"] if one["templateType"] == "StatusCheck"]
    assert [one["abortWithStatusCheck"] for one in checks] == [True, True]
    assert [one["statusCheck"]["mode"] for one in checks] == ["Synchronous", "Continuous"]
    for check in checks:
        http = check["statusCheck"]["http"]
        assert (request(http["url"])[0] == int(http["criteria"]["statusCode"])) is runs
    (engine,) = documents("litmus/probe.yaml", url, service)
    probes = engine["spec"]["experiments"][0]["spec"]["probe"]
    assert [one["mode"] for one in probes] == ["SOT", "Continuous"]
    assert all(one["runProperties"]["stopOnFailure"] for one in probes)
    for probe in probes:
        given = probe["httpProbe/inputs"]
        assert (request(given["url"])[0] == int(given["method"]["get"]["responseCode"])) is runs


def test_flagger_and_keptn_ask_for_metrics_that_exist(url: str) -> None:
    (template,) = documents("flagger/metric-template.yaml", url)
    queries = [template["spec"]["query"]]
    queries += [one["spec"]["query"] for one in documents("keptn/gate.yaml", url) if "query" in one["spec"]]
    known = {family.name for family in FAMILIES}
    assert {name for query in queries for name in re.findall(r"\b(slo_\w+)\{", query)} <= known
    assert all('{slo_service="' in query for query in queries)


def test_every_integration_is_described() -> None:
    text = (DEPLOY.parent / "docs/gate.md").read_text()
    others = {"__pycache__", *FOR_RUNNING}
    files = {file for file in DEPLOY.rglob("*.*") if not others & set(file.parts)}
    missing = {file for file in files if f"../deploy/{file.relative_to(DEPLOY)}" not in text}
    assert missing == set()
