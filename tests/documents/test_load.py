"""Files and folders: what is found, what is passed over, what is refused."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.documents import LoadResult, load_documents
from app.slo import SloId
from app.yamldoc.files import LARGEST_FILE

_SLI = "{total: a_total, bad: 'a_total{code=\"500\"}'}"


def _document(service: str = "shop", *names: str) -> str:
    slos = [f"  - {{name: {name}, objective: 99.9, window: 30d, sli: {_SLI}}}\n" for name in names or ("availability",)]
    return f"service: {service}\nslos:\n{''.join(slos)}"


def _ids(result: LoadResult) -> list[str]:
    return [str(slo.id) for slo in result.slos]


def _problem(result: LoadResult) -> str:
    (error,) = result.errors
    return error.problem


def test_a_folder_is_read_to_its_depths_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("c.yaml", "b/z.yml", "a.json"):
        (tmp_path / name).write_text(_document(name[0]))
    (tmp_path / "README.md").write_text("not a document")
    result = load_documents(tmp_path)
    assert _ids(result) == ["a-availability", "b-availability", "c-availability"]
    assert result.files == (tmp_path / "a.json", tmp_path / "b/z.yml", tmp_path / "c.yaml")
    assert result.places[SloId("c-availability")].file == tmp_path / "c.yaml"


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    """Kubernetes links every file into a hidden folder that it swaps as a whole."""
    version = tmp_path / "..2024_01_01"
    version.mkdir()
    (version / "shop.yaml").write_text(_document())
    (tmp_path / "..data").symlink_to("..2024_01_01")
    (tmp_path / "shop.yaml").symlink_to("..data/shop.yaml")
    result = load_documents(tmp_path)
    assert _ids(result) == ["shop-availability"]
    assert result.errors == ()


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(_document())
    folder = tmp_path / "slos"
    folder.mkdir()
    (folder / "shop.yaml").symlink_to(outside)
    assert "outside this folder" in _problem(load_documents(folder))
    assert _ids(load_documents(folder / "shop.yaml")) == ["shop-availability"]


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    assert "link to nothing" in _problem(load_documents(tmp_path))


def test_a_file_that_is_given_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(_document())
    assert load_documents(tmp_path, file).errors == ()


def test_duplicate_ids_name_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_document())
    (tmp_path / "b.yaml").write_text(_document())
    result = load_documents(tmp_path)
    assert str(result.errors[0]).startswith(f"{tmp_path}/b.yaml:3:12: slos[0].name: ")
    assert f"taken by the SLO at {tmp_path}/a.yaml:3:12" in _problem(result)


def test_errors_are_ordered_by_file_and_line(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml"):
        (tmp_path / name).write_text("service: a b\nslos: []\nx: 1\n")
    places = [(error.file.name, error.line) for error in load_documents(tmp_path).errors]
    assert places == [("a.yaml", 1), ("a.yaml", 2), ("a.yaml", 3), ("b.yaml", 1), ("b.yaml", 2), ("b.yaml", 3)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"service: caf\xe9\n", "is not UTF-8: byte 0xe9"),
        ("service: a\n".encode("utf-16"), "is not UTF-8"),
        (b"service: a\x00b\n", "U+0000 is not allowed"),
        (b"a" * (LARGEST_FILE + 1), "is larger than 10 MiB"),
    ],
    ids=["latin-1", "utf-16", "nul", "large"],
)
def test_what_is_not_readable_text_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "shop.yaml"
    file.write_bytes(content)
    assert problem in _problem(load_documents(file))


def test_the_place_of_a_wrong_byte_is_said(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_bytes(b"service: a\nslos: caf\xe9\n")
    (error,) = load_documents(file).errors
    assert (error.line, error.column) == (2, 10)


def test_a_missing_path_is_an_error(tmp_path: Path) -> None:
    assert "no such file" in _problem(load_documents(tmp_path / "nowhere"))
    assert "no such file" in _problem(load_documents(tmp_path / ("x" * 5000)))


def test_a_folder_without_documents_is_an_error(tmp_path: Path) -> None:
    assert "no SLO documents" in _problem(load_documents(tmp_path))


def test_what_is_not_a_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "not a regular file" in _problem(load_documents(tmp_path))


def test_a_file_that_may_not_be_read_is_an_error() -> None:
    # pytest's own folders are closed to everybody else.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "shop.yaml"
        file.write_text(_document())
        file.chmod(0)
        with _nobody():
            result = load_documents(file)
    assert "cannot be read: Permission denied" in _problem(result)


@contextmanager
def _nobody() -> Iterator[None]:
    """Root may read everything; nobody may not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_of_comments_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("# nothing yet\n---\n")
    result = load_documents(file)
    assert result.errors == ()
    assert [warning.problem for warning in result.warnings] == ["holds no document"]


def test_the_digest_tells_sets_apart_and_nothing_else(tmp_path: Path) -> None:
    a, b, c = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.yaml"
    a.write_text(_document("shop", "x", "y"))
    b.write_text("# the same in another order\n" + _document("shop", "y", "x"))
    c.write_text(_document("shop", "x", "y").replace("99.9", "99.5"))
    digests = [load_documents(file).digest for file in (a, b, c)]
    assert digests[0] == digests[1] != digests[2]


def test_thousands_of_slos_load_in_seconds(tmp_path: Path) -> None:
    """Three thousand take about a second of processor time; the bound leaves room for slow and busy machines."""
    for service in range(30):
        names = [f"n{i}" for i in range(100)]
        (tmp_path / f"s{service}.yaml").write_text(_document(f"s{service}", *names))
    before = time.process_time()
    assert len(load_documents(tmp_path).slos) == 3_000
    assert time.process_time() - before < 10


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n", "the Prometheus Operator"),
        ("groups:\n  - {name: a, rules: []}\n", "Prometheus (rules)"),
        ("apiVersion: v1\nkind: ConfigMap\n", "Kubernetes (ConfigMap)"),
        ("apiVersion: template.openshift.io/v1\nkind: Template\n", "OpenShift (Template)"),
        ("error_budget_policies: {}\n", "slo-generator (its configuration)"),
    ],
)
def test_a_document_of_another_tool_is_named(tmp_path: Path, text: str, tool: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert _problem(load_documents(tmp_path)) == f"is a document of {tool}, which Sloburn does not read"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("apiVersion: v1\nkind: ServiceLevelObjective\n", "pyrra.dev/v1alpha1"),
        ("kind: PrometheusServiceLevel\n", "sloth.slok.dev/v1"),
        ("kind: SLO\n", "openslo/v1"),
    ],
)
def test_a_kind_without_the_version_of_its_tool_is_told_with_it(text: str, version: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    (error,) = load_documents(tmp_path).errors
    assert f"write apiVersion: {version}" in error.remedy


def test_a_kind_that_is_a_list_is_refused_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: true\nkind: []\nmetadata: {name: a}\n")
    assert len(load_documents(tmp_path).errors) == 1


def test_the_list_of_files_beside_documents_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n")
    (tmp_path / "slo.yaml").write_text(_document("shop", "x"))
    result = load_documents(tmp_path)
    assert (_ids(result), result.errors) == (["shop-x"], ())
    assert [warning.code for warning in result.warnings] == ["kind_ignored"]


@pytest.mark.parametrize(
    ("text", "is_ignored"),
    [
        ("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n", True),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\n", True),
        ("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: shop}\n", True),
        ("groups:\n  - {name: a, rules: []}\n", True),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {a: b}\n", True),
        ('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\ndata: {a: "service: a\\nslos: []"}\n', False),
        ("apiVersion: openslo.org/v1\nkind: SLO\nmetadata: {name: shop}\n", False),
        ("slo: {name: x}\n", False),
    ],
)
def test_what_a_chart_holds_beside_slos_is_ignored_but_no_slo_is(
    text: str, tmp_path: Path, *, is_ignored: bool
) -> None:
    (tmp_path / "all.yaml").write_text(f"{_document('shop', 'x')}---\n{text}")
    result = load_documents(tmp_path)
    assert bool(result.errors) is not is_ignored
    assert [warning.code for warning in result.warnings] == ["kind_ignored"] * is_ignored


@pytest.mark.parametrize(
    "text", ["- {first}\n- {second}\n", "kind: List\nitems:\n- {first}\n- {second}\n", "[{first}, {second}]"]
)
def test_the_items_of_a_list_are_documents(text: str, tmp_path: Path) -> None:
    first, second = (
        f"{{service: {name}, slos: [{{name: a, objective: 99, window: 1d, sli: {_SLI}}}]}}" for name in "xy"
    )
    file = tmp_path / "list.yaml"
    file.write_text(text.format(first=first, second=second))
    result = load_documents(file)
    assert _ids(result) == ["x-a", "y-a"]
    assert result.errors == ()


_BAD = "'a_total{code=\"500\"}'"
_OF_ALL_TOOLS = {
    "a.yaml": _document("native"),
    "b.yaml": f"""
version: prometheus/v1
service: sloth
slos:
  - {{name: a, objective: 99, sli: {{events: {{error_query: {_BAD}, total_query: a_total}}}}, alerting: {{name: A}}}}
---
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata: {{name: generator}}
spec:
  backend: prometheus
  method: good_bad_ratio
  goal: 0.99
  service_level_indicator: {{filter_bad: {_BAD}, filter_valid: a_total}}
""",
    "c.yaml": f"""
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {{name: pyrra}}
spec: {{target: '99', window: 4w, indicator: {{ratio: {{errors: {{metric: {_BAD}}}, total: {{metric: a_total}}}}}}}}
""",
}


def test_documents_of_several_tools_are_read_in_the_order_of_their_files(tmp_path: Path) -> None:
    """They are recognised by what they say, also within one file, and count the same."""
    for name, text in _OF_ALL_TOOLS.items():
        (tmp_path / name).write_text(text)
    result = load_documents(tmp_path)
    assert _ids(result) == ["native-availability", "sloth-a", "generator", "pyrra"]
    assert result.errors == ()
    assert len({slo.sli.key for slo in result.slos}) == 1


def test_a_file_without_a_key_of_a_document_is_one_error(tmp_path: Path) -> None:
    """Such as a dashboard in the same folder; an SLO at the top, or a misspelt key, is said key by key."""
    (tmp_path / "dashboard.json").write_text('{"title": "Checkout", "panels": [], "refresh": "30s"}')
    assert _problem(load_documents(tmp_path)) == "is not a document of Sloburn"
    (tmp_path / "dashboard.json").unlink()
    for text in ("{}", "name: x\nobjective: 99\n", "servise: shop\ntitle: x\n"):
        (tmp_path / "own.yaml").write_text(text)
        assert "is not a document of Sloburn" not in [found.problem for found in load_documents(tmp_path).errors]
