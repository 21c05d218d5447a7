"""The Helm chart and the kustomize bases, rendered by `helm` and `kubectl`, against the schemas of Kubernetes."""

import functools
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from app.access import AccessScope
from app.documents import load_documents
from app.integrations.config import load_config
from app.kubernetes import DOCUMENT_KIND, WATCHED_KINDS, status_of
from app.kubernetes.objects import watched_object
from app.settings import load_settings
from app.settings.model import Settings
from app.yamldoc import ErrorFinding
from tests.support.golden import assert_golden

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/sloburn"
CRD = CHART / "crds/slodocuments.yaml"
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
    "extraEnv": [{"name": "SLOBURN_LOG_LEVEL", "value": "debug"}],
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
    "serviceMonitor": {"enabled": True, "existingSecret": "scrape", "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "dashboards": {"enabled": True},
    "networkPolicy": {"enabled": True, "egress": [{"to": [{"namespaceSelector": {}}]}]},
    "priorityClassName": "system-cluster-critical",
    "kubernetes": {"kinds": ["configmaps", "slodocuments", "sloth", "pyrra"]},
    "access": {
        "existingSecret": "sloburn-access",
        "eventsTokenKey": "events-token",
        "reportLinkKey": "link",
        "anonymousRead": False,
        "forwardAuth": {"networks": ["10.0.0.7/32", "fd00::7"], "roles": {"sre": "admin", "*": "read+adjust"}},
    },
    "tracing": {"endpoint": "http://otel-collector:4318", "ratio": 0.1, "existingSecret": "otel"},
    "mcp": {"enabled": True, "hosts": ["assistants.example.org"]},
}
OBJECTS: dict[str, Any] = {**POSTGRESQL, "kubernetes": EVERYTHING["kubernetes"]}


def run(*command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, input=given, text=True, capture_output=True, check=False, env={**os.environ, "PATH": TOOLS}
    )


def rendered(values: dict[str, Any], *flags: str, release: str = "sloburn") -> dict[tuple[str, str], dict[str, Any]]:
    """What `helm template` makes of *values*, by kind and name."""
    return _rendered(yaml.safe_dump(values), *flags, release=release)


@functools.cache
def _rendered(values: str, *flags: str, release: str = "sloburn") -> dict[tuple[str, str], dict[str, Any]]:
    done = run(*("helm", "template", release, str(CHART), "-n", "sloburn", "-f", "-", *flags), given=values)
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
    assert pod["automountServiceAccountToken"] is bool(values.get("kubernetes"))
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostPath"} & {kind for volume in pod["volumes"] for kind in volume}


def test_a_cluster_may_choose_the_user() -> None:
    nobody = {"securityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None}}
    security = pod_of(rendered(nobody))["securityContext"]
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & security.keys()
    assert security["runAsNonRoot"] is True


def test_every_variable_is_a_setting_once_and_with_a_value_that_is_taken() -> None:
    environment = {one["name"]: one for one in pod_of(rendered(EVERYTHING))["containers"][0]["env"]}
    assert len(environment) == len(pod_of(rendered(EVERYTHING))["containers"][0]["env"])
    of_traces = {name for name in environment if name.startswith("OTEL_")}
    names = {name.removeprefix("SLOBURN_").lower(): name for name in environment.keys() - of_traces}
    assert names.keys() <= set(Settings.model_fields)
    assert (len(names), len(of_traces)) == (23, 4)
    settings = load_settings({name: one["value"] for name in names if "value" in (one := environment[names[name]])})
    assert settings.kubernetes_kinds == ("configmaps", "slodocuments", "sloth", "pyrra")
    assert settings.forward_auth_roles["*"] == {AccessScope.READ, AccessScope.ADJUST}
    assert (settings.anonymous_read, settings.anonymous_metrics, settings.mcp) == (False, False, True)
    # No secret is a value.
    of_secrets = {name for name, one in environment.items() if "valueFrom" in one}
    assert of_secrets == {
        "OTEL_EXPORTER_OTLP_HEADERS",
        *(f"SLOBURN_{name}" for name in ("API_TOKEN", "EVENTS_TOKEN", "REPORT_LINK_SECRET", "DATABASE_URL")),
    }


@pytest.mark.parametrize("namespaces", [[], ["team-a", "team-b"]], ids=["all", "some"])
def test_roles_allow_what_is_asked_for_and_nothing_else(namespaces: list[str]) -> None:
    """As `app/kubernetes` asks: lists, watches, and patches of the status of our own kind."""
    given = {**POSTGRESQL, "kubernetes": {"kinds": ["configmaps", "slodocuments"], "namespaces": namespaces}}
    done = run("helm", "template", "sloburn", str(CHART), "-n", "sloburn", "-f", "-", given=yaml.safe_dump(given))
    manifests = [one for one in yaml.safe_load_all(done.stdout) if one]
    roles = [one for one in manifests if one["kind"] in {"Role", "ClusterRole"}]
    bindings = [one for one in manifests if one["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    assert [one["metadata"].get("namespace", "") for one in roles] == (namespaces or [""])
    assert {one["kind"] for one in roles} == ({"Role"} if namespaces else {"ClusterRole"})
    allowed = {
        (group, resource, verb)
        for rule in roles[0]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert allowed == {
        *(("", "configmaps", verb) for verb in ("list", "watch")),
        *(("sloburn.dev", "slodocuments", verb) for verb in ("list", "watch")),
        ("sloburn.dev", "slodocuments/status", "patch"),
    }
    for role, binding in zip(roles, bindings, strict=True):
        assert binding["roleRef"]["name"] == role["metadata"]["name"]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "sloburn", "namespace": "sloburn"}]
    assert not [kind for kind, _ in rendered(POSTGRESQL) if "Role" in kind]


def test_the_groups_of_the_roles_are_those_that_are_asked() -> None:
    rules = rendered(OBJECTS)[("ClusterRole", "sloburn-sloburn")]["rules"]
    given = {(group, resource) for rule in rules for group in rule["apiGroups"] for resource in rule["resources"]}
    groups = {"/api/v1": ""}
    asked = {(groups.get(one.root, one.root.split("/")[-2]), one.plural) for one in WATCHED_KINDS.values()}
    assert given == asked | {("sloburn.dev", "slodocuments/status")}


def test_documents_in_objects_need_no_example() -> None:
    manifests = rendered({"kubernetes": {"kinds": ["slodocuments"]}})
    assert ("ConfigMap", "sloburn-documents") not in manifests
    (volume,) = (one for one in pod_of(manifests)["volumes"] if one["name"] == "documents")
    assert volume["emptyDir"] == {}


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_the_kind_of_our_own(version: str) -> None:
    definition = yaml.safe_load(CRD.read_text())
    kubernetes_validate.validate(definition, version, strict=True)
    (served,) = definition["spec"]["versions"]
    names = definition["spec"]["names"]
    root = f"/apis/{definition['spec']['group']}/{served['name']}"
    assert (root, names["plural"], names["kind"]) == (DOCUMENT_KIND.root, DOCUMENT_KIND.plural, DOCUMENT_KIND.kind)
    assert definition["metadata"]["name"] == f"{names['plural']}.{definition['spec']['group']}"
    assert served["subresources"] == {"status": {}}


def test_the_schema_of_our_kind_takes_documents_and_statuses_as_they_are() -> None:
    """A schema that refused a document which Sloburn reads would keep it out of the cluster for good."""
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    files = [*(ROOT / "config/slos").glob("*.yaml"), *(ROOT / "demo/slos").glob("*.yaml")]
    assert len(files) >= 4
    kinds = ROOT / "tests/documents/conversion/fixtures/kinds.yaml"
    for document in (one for file in [*files, kinds] for one in yaml.safe_load_all(file.read_text())):
        jsonschema.validate({"spec": document}, schema)
    for wrong in ({"service": "a"}, {"slos": [{}], "service": "a"}, {"slos": [], "service": "a"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"spec": wrong}, schema)
    one = watched_object(DOCUMENT_KIND, {"metadata": {"name": "a", "namespace": "b", "generation": 2}})
    finding = ErrorFinding(
        file=Path("SloDocument b/a"), line=3, column=5, field="slos", problem="is wrong", remedy="write another"
    )
    for findings, is_active in (((), True), ((finding,), True), ((finding,), False)):
        status = status_of(one, findings, slos=2, is_active=is_active, at=datetime(2026, 5, 4, tzinfo=UTC))
        # What the schema does not name is removed by the API server.
        described = schema["properties"]["status"]["properties"]
        assert status.keys() == described.keys()
        assert {key for found in status["findings"] for key in found} <= described["findings"]["items"][
            "properties"
        ].keys()
        assert status["conditions"][0].keys() == described["conditions"]["items"]["properties"].keys()
        jsonschema.validate(status, schema["properties"]["status"])


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


def test_an_autoscaler_decides_alone_how_many_pods_there_are() -> None:
    manifests = rendered({**POSTGRESQL, "autoscaling": {"enabled": True, "minReplicas": 3}}, "--kube-version", OLDEST)
    assert "replicas" not in manifests[("Deployment", "sloburn")]["spec"]
    scaler = manifests[("HorizontalPodAutoscaler", "sloburn")]
    kubernetes_validate.validate(scaler, OLDEST, strict=True)
    assert scaler["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sloburn"}
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 4)
    assert ("PodDisruptionBudget", "sloburn") in manifests


@pytest.mark.parametrize("release", ["123", "a" * 53], ids=["number", "longest"])
def test_names_of_releases_and_charts_may_be_odd(release: str) -> None:
    """What reads as a number or a truth is a text, and the pods of the longest name have labels that are allowed."""
    quoted = "a\"b'c: {}"
    given = {
        "nameOverride": "true",
        "serviceMonitor": {"enabled": True, "existingSecret": "12"},
        "access": {"anonymousRead": False, "existingSecret": "34"},
        "settings": {"SLOBURN_CHANGES_PER_MINUTE": 1_000_000, "SLOBURN_MCP": True, "SLOBURN_LOG_FORMAT": "text"},
        "extraEnv": [{"name": "SLOBURN_LOG_LEVEL", "value": quoted}],
    }
    manifests = rendered(given, "--kube-version", NEWEST, "-a", OPERATOR, release=release)
    for (kind, name), manifest in manifests.items():
        if kind != "ServiceMonitor":
            kubernetes_validate.validate(manifest, NEWEST, strict=True)
        # The label of a revision of a StatefulSet has a hash of ten characters after its name.
        assert kind != "StatefulSet" or len(f"{name}-0123456789") <= 63
    (service,) = (one for (kind, _), one in manifests.items() if kind == "Service")
    (monitor,) = (one["spec"] for (kind, _), one in manifests.items() if kind == "ServiceMonitor")
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "sloburn"
    assert monitor["endpoints"][0]["authorization"] == {"credentials": {"name": "12", "key": "token"}}
    environment = {one["name"]: one.get("value") for one in pod_of(manifests)["containers"][0]["env"]}
    assert environment["SLOBURN_CHANGES_PER_MINUTE"] == "1000000"
    assert environment["SLOBURN_MCP"] == "true"
    assert environment["SLOBURN_LOG_FORMAT"] == "text"
    assert environment["SLOBURN_LOG_LEVEL"] == quoted


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
        ({"kubernetes": {"kinds": ["secrets"]}}, "kinds"),
        ({"access": {"forwardAuth": {"roles": {"sre": "admin"}}}}, "access.forwardAuth.networks"),
        ({"tracing": {"existingSecret": "otel"}}, "tracing.endpoint"),
        ({"replicaCount": 2}, "replicaCount"),
        ({"autoscaling": {"enabled": True}}, "autoscaling.enabled"),
        ({**POSTGRESQL, "autoscaling": {"enabled": True, "minReplicas": 9}}, "autoscaling.minReplicas"),
        ({"serviceMonitor": {"enabled": True}, "access": {"anonymousRead": False}}, "serviceMonitor.existingSecret"),
        (
            {"serviceMonitor": {"enabled": True}, "config": {"tenants": [{"name": "a"}]}},
            "serviceMonitor.existingSecret",
        ),
        ({"settings": {"SLOBURN_LISTEN_ADDRESS": ":80"}}, "SLOBURN_LISTEN_ADDRESS"),
        ({"extraEnv": [{"name": "SLOBURN_DATABASE_URL", "value": "x"}]}, "SLOBURN_DATABASE_URL"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: dict[str, Any], named: str) -> None:
    done = run("helm", "template", "sloburn", str(CHART), "-f", "-", given=yaml.safe_dump(values))
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.parametrize(
    ("base", "values"), [("sqlite", {}), ("postgresql", POSTGRESQL), ("postgresql-objects", OBJECTS)]
)
def test_the_kustomize_base_is_what_the_chart_renders(base: str, values: dict[str, Any]) -> None:
    folder = ROOT / "deploy/kustomize" / base
    manifests = rendered(values, *(["--include-crds"] if "kubernetes" in values else [])).values()
    assert_golden(
        folder / "sloburn.yaml",
        "# Made from deploy/helm/sloburn: UPDATE_GOLDEN=1 pytest tests/deploy/test_kubernetes.py\n"
        + yaml.safe_dump_all(manifests, sort_keys=False, width=1000),
    )
    done = run("kubectl", "kustomize", str(folder))
    assert done.returncode == 0, done.stderr
    built = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert {one["kind"] for one in built} == {one["kind"] for one in manifests} | {"Namespace"}
    of_cluster = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
    assert {one["metadata"].get("namespace") for one in built if one["kind"] not in of_cluster} == {"sloburn"}
