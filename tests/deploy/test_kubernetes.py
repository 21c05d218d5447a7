"""The Helm chart and the kustomize bases, rendered by `helm` and `kubectl`, against the schemas of Kubernetes."""

import functools
import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.documents import load_documents
from app.integrations.config import load_config
from app.settings.model import Settings
from tests.support.golden import assert_golden

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/sloburn"
TOOLS = f"{ROOT / '.tools/bin'}{os.pathsep}{os.environ['PATH']}"
# The oldest that the chart allows, one between, and the newest with a schema.
OLDEST, BETWEEN, NEWEST = "1.25", "1.30", "1.37"
OPERATOR = "monitoring.coreos.com/v1"
POSTGRESQL = {"database": {"existingSecret": "sloburn-database"}}
EVERYTHING: dict[str, Any] = {
    **POSTGRESQL,
    "image": {"repository": "registry.example.org/sloburn", "digest": "sha256:" + "0" * 64},
    "alertmanagerUrls": ["http://alertmanager-operated:9093", "http://other:9093"],
    "externalUrl": "https://slo.example.org",
    "settings": {"SLOBURN_QUERY_OFFSET": "60s"},
    "extraEnv": [{"name": "SLOBURN_API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "sloburn", "key": "api-token"}}}],
    "documents": {
        "checkout.yaml": {
            "service": "checkout",
            "slos": [
                {"name": "up", "objective": 99.9, "window": "30d", "sli": {"total": "all_total", "bad": "bad_total"}}
            ],
        },
        "text.yaml": (
            "service: text\nslos: [{name: up, objective: 99, window: 30d, sli: {total: all_total, bad: bad_total}}]\n"
        ),
    },
    "existingDocuments": ["team-a"],
    "config": {
        "receivers": [{"name": "oncall", "pagerduty": {"routing_key_env": "PAGERDUTY_KEY"}}],
        "default": ["oncall"],
    },
    "secretMounts": [{"name": "pagerduty", "secretName": "oncall"}],
    "ingress": {"enabled": True, "host": "slo.example.org", "className": "nginx", "tls": [{"hosts": ["a"]}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "dashboards": {"enabled": True},
    "networkPolicy": {"enabled": True, "egress": [{"to": [{"namespaceSelector": {}}]}]},
    "priorityClassName": "system-cluster-critical",
}


def run(*command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=given, text=True, capture_output=True, check=False, env={**os.environ, "PATH": TOOLS}
    )


def rendered(values: dict[str, Any], *flags: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What `helm template` makes of *values*, by kind and name."""
    return _rendered(yaml.safe_dump(values), *flags)


@functools.cache
def _rendered(values: str, *flags: str) -> dict[tuple[str, str], dict[str, Any]]:
    done = run(*("helm", "template", "sloburn", str(CHART), "-n", "sloburn", "-f", "-", *flags), given=values)
    assert done.returncode == 0, done.stderr
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout) if one}


def pod_of(manifests: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    (pod,) = (
        one["spec"]["template"]["spec"] for (kind, _), one in manifests.items() if kind in {"Deployment", "StatefulSet"}
    )
    return dict(pod)


def test_the_chart_passes_the_linter() -> None:
    done = run("helm", "lint", "--strict", str(CHART))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("values", "version"),
    [({}, BETWEEN), (POSTGRESQL, BETWEEN), (EVERYTHING, OLDEST), (EVERYTHING, NEWEST)],
    ids=["sqlite", "postgresql", "oldest", "newest"],
)
def test_kubernetes_takes_every_manifest(values: dict[str, Any], version: str) -> None:
    manifests = rendered(values, "--kube-version", version, "-a", OPERATOR)
    kinds = {kind for kind, _ in manifests}
    assert {"Service", "ServiceAccount", "ConfigMap"} < kinds
    for manifest in manifests.values():
        if manifest["apiVersion"] != OPERATOR:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_one_process_writes_a_file_and_several_share_a_server() -> None:
    sqlite, postgresql = rendered({}), rendered(POSTGRESQL)
    assert sqlite[("StatefulSet", "sloburn")]["spec"]["replicas"] == 1
    (claim,) = sqlite[("StatefulSet", "sloburn")]["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "data"
    deployment = postgresql[("Deployment", "sloburn")]["spec"]
    assert (deployment["replicas"], deployment["strategy"]["type"]) == (2, "RollingUpdate")
    # A new pod is ready before an old one hands over.
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    budget = postgresql[("PodDisruptionBudget", "sloburn")]["spec"]
    assert budget == {"maxUnavailable": 1, "selector": deployment["selector"]}
    spread = pod_of(postgresql)["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert "topologySpreadConstraints" not in pod_of(sqlite)
    alone = rendered({**POSTGRESQL, "replicaCount": 1})
    assert not [kind for kind, _ in {**sqlite, **alone} if kind == "PodDisruptionBudget"]
    (url,) = (one for one in pod_of(postgresql)["containers"][0]["env"] if one["name"] == "SLOBURN_DATABASE_URL")
    assert url["valueFrom"]["secretKeyRef"] == {"name": "sloburn-database", "key": "url"}


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["sqlite", "everything"])
def test_the_pod_keeps_to_the_restricted_standard(values: dict[str, Any]) -> None:
    """Of the Pod Security Standards, which `restricted` namespaces enforce."""
    pod = pod_of(rendered(values))
    security = pod["securityContext"]
    assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    assert security["runAsUser"] > 0
    assert not pod["automountServiceAccountToken"]
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostPath"} & {kind for volume in pod["volumes"] for kind in volume}


def test_every_variable_is_a_setting() -> None:
    names = {one["name"] for one in pod_of(rendered(EVERYTHING))["containers"][0]["env"]}
    assert {name.removeprefix("SLOBURN_").lower() for name in names} <= set(Settings.model_fields)
    assert len(names) >= 9


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["example", "given"])
def test_the_service_reads_the_files_of_the_config_maps(values: dict[str, Any], tmp_path: Path) -> None:
    manifests = rendered(values)
    for name, folder in (("sloburn-documents", tmp_path / "slos"), ("sloburn-config", tmp_path / "config")):
        folder.mkdir()
        for file, text in manifests[("ConfigMap", name)]["data"].items():
            (folder / file).write_text(text)
    loaded = load_documents(tmp_path / "slos")
    assert not loaded.errors
    assert {slo.service for slo in loaded.slos} == ({"checkout", "text"} if values else {"prometheus"})
    assert not load_config(tmp_path / "config/sloburn.yaml", environment={"PAGERDUTY_KEY": "0" * 32}).errors


def test_the_rules_find_the_job_of_the_service_monitor() -> None:
    manifests = rendered(EVERYTHING, "-a", OPERATOR)
    monitor = manifests[("ServiceMonitor", "sloburn")]
    assert monitor["spec"]["endpoints"][0]["honorLabels"] is True
    service = manifests[("Service", "sloburn")]["metadata"]["labels"]
    assert service[monitor["spec"]["jobLabel"]] == "sloburn"
    assert service.items() >= monitor["spec"]["selector"]["matchLabels"].items()
    rules = yaml.safe_load((ROOT / "config/prometheus/rules/sloburn.yaml").read_text())
    assert manifests[("PrometheusRule", "sloburn")]["spec"] == rules
    assert not any(kind in {"ServiceMonitor", "PrometheusRule"} for kind, _ in rendered(EVERYTHING))


def test_grafana_gets_every_dashboard() -> None:
    manifests = rendered({"dashboards": {"enabled": True}})
    found = {
        file.removeprefix("sloburn-"): text
        for one in manifests.values()
        if one["metadata"]["labels"].get("grafana_dashboard") == "1"
        for file, text in one["data"].items()
    }
    assert {file: text.strip() for file, text in found.items()} == {
        file.name: file.read_text().strip() for file in (ROOT / "grafana/dashboards").glob("*.json")
    }
    # Objects of Kubernetes are at most 1 MiB.
    assert max(map(len, found.values())) < 1 << 20


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicas": 2}, "replicas"),
        ({"replicaCount": 0}, "replicaCount"),
        ({"settings": {"QUERY_OFFSET": "1m"}}, "QUERY_OFFSET"),
        ({"prometheusUrl": "http://user:secret@prometheus:9090"}, "prometheusUrl"),
        ({"documents": {"slo.txt": "service: a"}}, "slo.txt"),
        ({"ingress": {"enabled": True}}, "ingress.host"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], named: str) -> None:
    done = run("helm", "template", "sloburn", str(CHART), "-f", "-", given=yaml.safe_dump(values))
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.parametrize(("base", "values"), [("sqlite", {}), ("postgresql", POSTGRESQL)])
def test_the_kustomize_base_is_what_the_chart_renders(base: str, values: dict[str, Any]) -> None:
    folder = ROOT / "deploy/kustomize" / base
    manifests = rendered(values).values()
    assert_golden(
        folder / "sloburn.yaml",
        "# Made from deploy/helm/sloburn: UPDATE_GOLDEN=1 pytest tests/deploy/test_kubernetes.py\n"
        + yaml.safe_dump_all(manifests, sort_keys=False, width=1000),
    )
    done = run("kubectl", "kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    built = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert {one["kind"] for one in built} == {one["kind"] for one in manifests} | {"Namespace"}
    assert {one["metadata"]["namespace"] for one in built if one["kind"] != "Namespace"} == {"sloburn"}
