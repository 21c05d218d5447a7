import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.support.cli import app

SLOTH = """\
version: prometheus/v1
service: checkout
slos:
  - name: {name}
    objective: 99.9
    windows: 7d
    sli:
      events:
        error_query: sum(rate(http_requests_total{{code=~"5.."}}[{{{{.window}}}}]))
        total_query: sum(rate(http_requests_total[{{{{.window}}}}]))
    alerting: {{name: Errors}}
"""


def _write(path: Path, name: str = "availability") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SLOTH.format(name=name))
    return path


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def test_the_native_document_goes_to_standard_output_and_nothing_else_does(tmp_path: Path) -> None:
    result = _run(_write(tmp_path / "slo.yml"))

    assert result.exit_code == 0
    assert "\nservice: checkout\nslos:\n  # slos[0].windows: unknown key (line 6)\n" in result.stdout
    assert "slo.yml:6:5: warning: slos[0].windows: unknown key" in result.stderr
    assert "1 file, 1 SLO converted: 0 errors, 1 warning" in result.stderr


def test_warnings_fail_with_strict(tmp_path: Path) -> None:
    assert _run("--strict", _write(tmp_path / "slo.yml")).exit_code == 3


def test_a_folder_becomes_a_folder_with_one_file_for_each(tmp_path: Path) -> None:
    _write(tmp_path / "in" / "a.yml")
    _write(tmp_path / "in" / "deep" / "b.yaml", "latency")

    result = _run(tmp_path / "in", "-o", tmp_path / "out")

    assert result.exit_code == 0, result.stderr
    written = sorted(str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.yaml"))
    assert written == ["a.yaml", "deep/b.yaml"]


def test_several_files_become_one(tmp_path: Path) -> None:
    one, other = _write(tmp_path / "a.yml"), _write(tmp_path / "b.yml", "latency")
    target = tmp_path / "all.yaml"

    assert _run(one, other, "-o", target).exit_code == 0
    checked = CliRunner().invoke(app, ["check", str(target)])
    assert checked.exit_code == 0
    assert [line.partition(":")[0] for line in checked.stdout.splitlines()] == [
        "checkout-availability",
        "checkout-latency",
    ]


@pytest.mark.parametrize("output", ["out.yaml", "out"])
def test_what_exists_is_overwritten_by_force_only(tmp_path: Path, output: str) -> None:
    source = _write(tmp_path / "slo.yaml")
    existing = tmp_path / output if "." in output else tmp_path / output / "slo.yaml"
    existing.parent.mkdir(exist_ok=True)
    existing.write_text("precious")

    refused = _run(source, "-o", tmp_path / output)
    assert (refused.exit_code, existing.read_text()) == (2, "precious")
    assert "give --force to overwrite it" in refused.stderr

    assert _run(source, "-o", tmp_path / output, "--force").exit_code == 0
    assert "service: checkout" in existing.read_text()


def test_what_is_sound_is_converted_and_what_is_not_is_said(tmp_path: Path) -> None:
    source = tmp_path / "slos.yaml"
    sli = "window: 7d, sli: {gauge: up}"
    source.write_text(
        f"service: a\nslos:\n  - {{name: b, objective: 99, {sli}}}\n  - {{name: c, objective: 101, {sli}}}\n"
    )

    result = _run(source)

    assert result.exit_code == 1
    assert "# not converted: slos[1].objective: 101% leaves no error budget" in result.stdout
    assert "  - name: b\n" in result.stdout
    assert "error: slos[1].objective" in result.stderr


def test_what_the_target_cannot_say_is_said_and_fails(tmp_path: Path) -> None:
    """In OpenSLO an alert has no name, as a document of Sloth gives it."""
    result = _run("--to", "openslo", _write(tmp_path / "slo.yml"))

    assert result.exit_code == 1
    assert "\n  # alerting.name is not the same: OpenSLO has no names of alerts\n" in result.stdout
    assert "slo.yml:4:11: not converted: checkout-availability: alerting.name is not the same" in result.stderr
    assert "kind: SLO\nmetadata:\n  name: checkout-availability\n" in result.stdout


def test_a_path_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    assert _run(tmp_path / "none.yaml").exit_code == 2


def test_what_is_lost_of_several_slos_is_one_line_with_all_of_them(tmp_path: Path) -> None:
    for name in ("availability", "latency", "writes"):
        _write(tmp_path / f"{name}.yml", name)
    said = _run("--to", "openslo", tmp_path).stderr
    (of_name,) = (line for line in said.splitlines() if "alerting.name" in line)
    others = ", ".join(f"checkout-{name} ({tmp_path / name}.yml:" for name in ("latency", "writes"))
    lines = re.sub(r"(?<=\.yml:)\d+\)", "", of_name)
    assert f"not converted: checkout-availability, {others}: alerting.name" in lines
    assert "3 SLOs not converted as they are" in " ".join(said.split())


def test_a_file_without_slos_is_said_not_to_be_written(tmp_path: Path) -> None:
    window = "{errorBudgetPercent: 2, shortWindow: 5m, longWindow: 1h}"
    pair = f"{{quick: {window}, slow: {window}}}"
    spec = f"{{sloPeriod: 7d, page: {pair}, ticket: {pair}}}"
    file = tmp_path / "windows.yml"
    file.write_text(f"{{apiVersion: sloth.slok.dev/v1, kind: AlertWindows, spec: {spec}}}\n")
    result = _run(file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"not written, since they have no SLOs:\n  {file}\n" in result.stderr


def test_what_is_lost_is_a_sentence_about_its_field(tmp_path: Path) -> None:
    file = _write(tmp_path / "slo.yml")
    file.write_text(
        file.read_text() + "    plugins: {chain: [{id: sloth.dev/contrib/denominator_corrected_rules/v1}]}\n"
    )
    assert "slos[0].plugins.chain[0] is ignored, since it changes rules of Sloth" in _run(file).stdout
