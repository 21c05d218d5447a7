"""An answer of the gate as pipelines show it: text, JUnit, Markdown, variables, annotations of GitHub and GitLab."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import orjson

from app.policy import GateDecision
from app.slo import rounded_percent
from app.wording.plain_text import one_line

if TYPE_CHECKING:
    from app.api.gate.models import GateDataModel, GateSloModel

_COMMANDS = {"allow": "notice", "warn": "warning", "deny": "error", "unknown": "warning"}


def report_lines(data: "GateDataModel") -> Iterator[str]:
    """The answer for people: the decision, then a line for each SLO that is not just fine."""
    yield one_line(f"{data['decision']}: {data['reason']}")
    others = [slo for slo in data["slos"] if slo["decision"] != GateDecision.ALLOW or slo["dry_run"]]
    if len(data["slos"]) > 1 or any(slo["dry_run"] for slo in others):
        for slo in others:
            yield f"  {slo['id']}: {slo['decision']}{_dry_runs(slo)}: {_left(slo)}"
    if data["until"] is not None:
        # An exception that lets a change go ahead has an end; what denies may last longer.
        yield f"until {'' if GateDecision(data['decision']).ok else 'at least '}{data['until']}"
    if data["owners"] and data["decision"] != GateDecision.ALLOW:
        yield one_line(f"owners: {', '.join(data['owners'])}")


def junit_xml(data: "GateDataModel") -> str:
    """A JUnit report: a test case for each SLO, a failure for deny, an error for unknown."""
    cases = data["slos"] or [_whole(data)]
    failures = sum(slo["decision"] == GateDecision.DENY for slo in cases)
    unknown = sum(slo["decision"] == GateDecision.UNKNOWN for slo in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": str(unknown)}
    suite = ET.Element("testsuite", {"name": "sloburn gate", **counts})
    for slo in cases:
        names = {"classname": one_line(slo["service"]), "name": one_line(slo["id"]), "time": "0"}
        case = ET.SubElement(suite, "testcase", names)
        kind = {GateDecision.DENY: "failure", GateDecision.UNKNOWN: "error"}.get(GateDecision(slo["decision"]))
        if kind is not None:
            ET.SubElement(case, kind, {"message": one_line(slo["reason"]), "type": slo["decision"]})
        elif slo["decision"] == GateDecision.WARN:
            ET.SubElement(case, "system-out").text = one_line(slo["reason"])
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def summary_page(data: "GateDataModel") -> str:
    """A summary in Markdown."""
    lines = [f"### Error budget gate: {data['decision']}", "", _cell(data["reason"]), ""]
    if data["slos"]:
        lines += ["| SLO | Decision | State | Budget left | Policy |", "|---|---|---|---|---|"]
        lines += [
            f"| [{_cell(slo['id'])}]({slo['url']}) | {slo['decision']}{_dry_runs(slo)} | {_cell(slo['state'] or '-')} "
            f"| {_share(slo['budget_remaining'])} | {_cell(slo['policy'])} |"
            for slo in data["slos"]
        ]
    more = data["slos_total"] - len(data["slos"])
    if more > 0:
        lines += ["", f"and {more} more"]
    return "\n".join(lines) + "\n"


def variables(data: "GateDataModel") -> Mapping[str, str]:
    """The answer as variables for later steps, one line each."""
    remaining = data["budget_remaining"]
    return {
        "decision": data["decision"],
        "ok": "true" if data["ok"] else "false",
        "reason": one_line(data["reason"]),
        "url": data["slos"][0]["url"] if data["slos"] else "",
        "budget_remaining": "" if remaining is None else f"{remaining:.6g}",
    }


def gitlab_annotations(data: "GateDataModel") -> str:
    """GitLab's report of annotations: links to the SLOs.

    Source: https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsannotations
    """
    links = [
        {"external_link": {"label": one_line(f"{slo['id']}: {slo['decision']}"), "url": slo["url"]}}
        for slo in data["slos"]
    ]
    return orjson.dumps({"Error budget gate": links}, option=orjson.OPT_INDENT_2).decode() + "\n"


def github_annotation(data: "GateDataModel") -> str:
    """The command that makes GitHub show the decision at the run.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
    """
    title = _escaped(f"Error budget gate: {data['decision']}", in_property=True)
    return f"::{_COMMANDS[data['decision']]} title={title}::{_escaped(one_line(data['reason']))}"


def append_github_files(data: "GateDataModel", environment: Mapping[str, str]) -> None:
    """Add the outputs and the summary of the step, where GitHub names their files."""
    outputs = "".join(f"{name.replace('_', '-')}={value}\n" for name, value in variables(data).items())
    for name, text in (("GITHUB_OUTPUT", outputs), ("GITHUB_STEP_SUMMARY", summary_page(data))):
        if environment.get(name):
            with Path(environment[name]).open("a", encoding="utf-8") as file:
                file.write(text)


def _escaped(text: str, *, in_property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if in_property else text


def _whole(data: "GateDataModel") -> "GateSloModel":
    return {
        "id": data["service"] or "gate",
        "service": data["service"] or "gate",
        "decision": data["decision"],
        "reason": data["reason"],
        "state": None,
        "state_since": None,
        "policy": "",
        "rule": None,
        "until": None,
        "exception": None,
        "budget_remaining": None,
        "burn_rate": None,
        "dry_run": [],
        "url": "",
    }


def _left(slo: "GateSloModel") -> str:
    rule = f", rule {slo['rule']!r}" if slo["rule"] else ""
    return f"{_share(slo['budget_remaining'])} of the budget left, state {slo['state'] or 'unknown'}{rule}"


def _dry_runs(slo: "GateSloModel") -> str:
    return "".join(f" (dry run {_cell(one['name'])}: {one['decision']})" for one in slo["dry_run"])


def _share(ratio: float | None) -> str:
    return "unknown" if ratio is None else rounded_percent(ratio, 1)


def _cell(text: str) -> str:
    # What Markdown would take for the end of a cell, a link or HTML.
    text = one_line(text).replace("|", "\\|").replace("[", "\\[")
    return text.replace("<", "&lt;")
