"""The documentation names only what there is: links, files, settings, metrics, commands, targets, decisions.

That everything there is has its place in the documentation is tested beside what it documents: settings in
`test_settings.py`, metrics, routes, commands and documents in the `test_docs.py` and `test_schema.py` of their rooms,
the queries of the dashboards in `grafana/`.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

import pytest
from typer.main import get_command

from app.alerting import EndCode, TransitionKind, sent_labels
from app.alerting.conditions import ALERTNAMES
from app.metrics import FAMILIES, RESERVED_LABELS, BuildInfo, Instruments
from app.remote_write.requests import PROBE
from app.settings import Settings
from app.settings.model import variable
from app.slo import AlertState, Cause
from app.status import ProblemCode
from app.wording.annotations import annotations
from bench.__main__ import application as bench
from tests.support.api import Served
from tests.support.cli import app
from tests.support.messages import printed_texts
from tests.support.notifications import firing

ROOT = Path(__file__).parents[1]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})
CONCEPTS, TROUBLESHOOTING, SECURITY = (
    ROOT / "docs" / f"{name}.md" for name in ("concepts", "troubleshooting", "security")
)
OTHER_VARIABLES = {"SLOBURN_SOAK"}
"""Read by tests, not by the service."""


ROUTES_OF_OTHERS = {"/api/v1/write", "/api/v1/push", "/api/v1/receive", "/api/v1/slo"}
"""Where receivers of remote write take samples, and where Datadog answers its SLOs."""


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = [link for link in _links(page) if not _leads_somewhere(page, link)]
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, pending = {ROOT / "README.md"}, [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        for link in _links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target not in reached and target.exists():
                reached.add(target)
                pending.append(target)
    missing = [_name(page) for page in PAGES if page not in reached]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_setting_that_is_named_is_one(page: Path) -> None:
    known = {variable(name) for name in Settings.model_fields} | OTHER_VARIABLES
    assert set(re.findall(r"\bSLOBURN_[A-Z_]*[A-Z]\b", page.read_text())) - known == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_metric_that_is_named_is_exposed(page: Path) -> None:
    assert (
        set(re.findall(r"\b(?:slo|sloburn)_[a-z_]+[a-z]\b(?!\.\w)", page.read_text()))
        - _exposed()
        - RESERVED_LABELS
        - {"slo_group_service", "slo_description", PROBE}
        == set()
    )


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_that_is_shown_can_be_given(page: Path) -> None:
    unknown = [f"{command}: {word}" for command in _commands(page) for word in _unknown_words(command)]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_target_of_make_that_is_named_is_there(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = "\n".join(_code(page))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", code, re.MULTILINE)) - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = re.findall(r"`((?:app|bench|config|demo|docs|grafana|scripts|tests)/[\w./-]+?)/?`", page.read_text())
    # A recipe names the files of its room by their path in the room.
    assert sorted({path for path in named if not (ROOT / path).exists() and not any(ROOT.glob(f"app/*/{path}"))}) == []


def test_every_decision_that_is_cited_was_taken() -> None:
    taken = {path.name[:4] for path in (ROOT / "docs/adr").glob("[0-9]*.md")}
    listed = subprocess.run(
        ["git", "grep", "-ohE", "ADR[- ][0-9]{4}"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    cited = {line[4:] for line in listed.stdout.splitlines()}
    assert cited - taken == set()


def test_every_decision_has_a_number_of_its_own_and_a_line_in_the_list() -> None:
    """Two branches may take the same free number; the list of decisions shows each by its number and heading."""
    decisions = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    assert len({path.name[:4] for path in decisions}) == len(decisions)
    headings = {path.name: path.read_text().partition("\n")[0] for path in decisions}
    listed = re.findall(
        r"^\| \[([0-9]{4})\]\((\S+)\) \| (.*) \|$", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE
    )
    assert [(name, f"# ADR-{number}: {heading}") for number, name, heading in listed] == list(headings.items())


def test_every_code_of_an_end_is_described() -> None:
    section = (ROOT / "docs/concepts.md").read_text().partition("### Why alerts end")[2].partition("\n### ")[0]
    rows = [row.partition(" | ")[0] for row in section.splitlines() if row.startswith("| `")]
    codes = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    assert sorted(codes) == sorted(EndCode)
    assert set(codes[:4]) == {code for code in EndCode if code.recovered}


def test_what_alertmanager_gets_is_described() -> None:
    """Every label and annotation that we set, and every name of an alert, has its row, and no other has one."""
    section = (ROOT / "docs/receivers.md").read_text().partition("## An alert at Alertmanager")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (labels|annotations) \| (.*) \|$", section, re.MULTILINE))
    firing_one = firing(labels=(), annotations=())
    notification = replace(
        firing_one,
        stale="no data",
        top_contributors='code="500" 97%',
        recent_change="deployed 5 minutes before: checkout v2",
        end_code=EndCode.BURN_STOPPED,
    )
    assert set(re.findall(r"`(\w+)`", rows["labels"])) == set(sent_labels(notification))
    assert set(re.findall(r"`(\w+)`", rows["annotations"])) == set(annotations(notification)) | {"template_error"}
    assert set(re.findall(r"`((?:SLO|Error)\w+)`", section)) == {"ErrorBudgetBurn", *ALERTNAMES.values()}


PRINTED_BY_OTHERS = (
    "Address already in use",
    "Connection refused",
    "query processing would load too many samples into memory in query execution",
)
"""Parts of messages in troubleshooting.md that the kernel and Prometheus write."""


def test_troubleshooting_has_every_problem_and_no_other() -> None:
    codes = re.findall(r"^\| `(\w+)` \| `.*\|$", _section(TROUBLESHOOTING, "An SLO has no figures"), re.MULTILINE)
    codes += re.findall(r"^\| `(\w+)` \| `.*\|$", _section(TROUBLESHOOTING, "Figures look wrong"), re.MULTILINE)
    assert sorted(codes) == sorted(ProblemCode)


def test_troubleshooting_quotes_messages_as_they_are_printed() -> None:
    """Between the ellipses each quoted message is a text of the service, so that a reader can search for it."""
    stale = [part for part in _quoted_parts() if not any(part in text for text in printed_texts())]
    assert stale == []


def test_troubleshooting_names_states_that_exist() -> None:
    section = _section(TROUBLESHOOTING, "An alert does not do what I expect")
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(AlertState) - {AlertState.FIRING}


def test_concepts_has_every_state_of_an_alert_in_its_table_and_picture() -> None:
    text = CONCEPTS.read_text()
    diagram = text.partition("```mermaid\n")[2].partition("```")[0]
    arrows = re.findall(r"^ +(\S+) --> (\w+)", diagram, re.MULTILINE)
    drawn = {state for arrow in arrows for state in arrow} - {"[*]"}
    assert drawn == set(AlertState)
    table = text.partition("| State | The alert |")[2].partition("**Transitions.**")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(AlertState)


def test_concepts_has_every_transition_and_every_cause() -> None:
    text = CONCEPTS.read_text()
    table = text.partition("| `kind` |")[2].partition("**When it resolves.**")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(TransitionKind)
    causes = text.partition("**Causes.**")[2].partition("**Incident.**")[0]
    assert set(Cause) - set(re.findall(r"`(\w+)`", causes)) == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_endpoint_that_is_named_exists(page: Path) -> None:
    routes = _routes()
    named = {_route(path) for path in re.findall(r"/(?:api/v1|-)/[\w/{}-]+", page.read_text())}
    unknown = {path for path in named if not any(path == route or re.fullmatch(route, path) for route in routes)}
    unknown -= ROUTES_OF_OTHERS
    assert unknown == set()


def test_every_row_of_the_threat_model_names_its_test() -> None:
    rows = [line for line in _section(SECURITY, "Threat model").splitlines() if line.startswith("| ")][1:]
    assert rows
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py`", row)] == []


def test_the_picture_of_the_architecture_shows_every_package() -> None:
    diagram = (ROOT / "CONTRIBUTING.md").read_text().partition("```mermaid\n")[2].partition("```")[0]
    packages = {path.parent.name for path in (ROOT / "app").glob("*/__init__.py")}
    assert set(re.findall(r"app/(\w+)\b(?!\.py)", diagram)) == packages


def _section(page: Path, title: str) -> str:
    found = page.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert found, f"{page.name} has no section {title!r}"
    return found


def _quoted_parts() -> Iterator[str]:
    """The constant parts of all messages in the tables of troubleshooting.md, without what others print."""
    for row in re.findall(r"^ *\| (.*) \|$", TROUBLESHOOTING.read_text(), re.MULTILINE):
        cells = row.split(" | ")
        for quoted in re.findall(r"`([^`]*[ \u2026][^`]*)`", " | ".join(cells[:2])):
            for part in re.split(r"\u2026|: (?=Address|Connection|query processing)", quoted):
                yield from [text for text in [part.strip()] if len(text) > 1 and text not in PRINTED_BY_OTHERS]


def _route(path: str) -> str:
    """A path with a pattern in the place of each parameter."""
    return re.sub(r"\{\w+\}", "[^/]+", path.rstrip("/"))


def _links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", link)]


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in {
        _anchor(title) for title in re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
    }


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _code(page: Path) -> Iterator[str]:
    """Everything that is set as code: blocks, indented lines, and pieces of a line (with their backticks)."""
    text = page.read_text()
    yield from re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from re.findall(r"^    (.*)$", text, re.MULTILINE)
    yield from re.findall(r"`[^`\n]+`", text)


def _commands(page: Path) -> Iterator[str]:
    for code in _code(page):
        for line in code.strip("`").splitlines():
            for part in re.split(r"&&|\||;|#", line):
                found = re.match(r"\s*(?:\w+=\S+ )*(?:uv run )?(?:python -m )?((?:sloburn|bench) [a-z].*)", part)
                if found:
                    yield found[1].strip()


_programs = {"sloburn": cache(partial(get_command, app)), "bench": cache(partial(get_command, bench))}


def _unknown_words(command: str) -> list[str]:
    program, *words = command.split()
    node = _programs[program]()
    while words and hasattr(node, "commands") and not words[0].startswith("-"):
        if words[0] not in node.commands:
            return [words[0]]
        node = node.commands[words.pop(0)]
    known = {option for parameter in node.params for option in (*parameter.opts, *parameter.secondary_opts)}
    flags = {word.partition("=")[0] for word in words if word.startswith("--")}
    return sorted(flags - known - {"--help"})


@cache
def _routes() -> set[str]:
    return {_route(path) for path in Served().app().openapi()["paths"]}


@cache
def _exposed() -> set[str]:
    """Every name that a sample of Sloburn can have."""
    instruments = Instruments(build=BuildInfo.current())
    instruments.evaluated(0.1, datetime(2026, 3, 1, tzinfo=UTC))
    names = {family.name for family in FAMILIES}
    for family in instruments.registry.collect():
        names |= {family.name, f"{family.name}_total", f"{family.name}_info"}
        names |= {sample.name for sample in family.samples}
    return names


def test_every_fault_has_its_test_or_the_reason_why_it_has_none() -> None:
    text = (ROOT / "docs/faults.md").read_text()
    rows = set(re.findall(r"^\| (\w+) \| .+ \| .*`tests/\S+`.* \|$", text, re.MULTILINE))
    rows |= {row for several in re.findall(r"^\| (\w+, \w+) \|", text, re.MULTILINE) for row in several.split(", ")}
    reasons = set(re.findall(r"^- ([A-Z]\d+) \(", text, re.MULTILINE))
    wanted = {
        f"{kind}{number}"
        for kind, last in (("Q", 17), ("T", 5), ("D", 5), ("P", 10), ("N", 12))
        for number in range(1, last + 1)
    }
    assert (wanted | {"D8", "S2", "S3", "S6"}) - rows - reasons == set()
    assert {path for path in re.findall(r"`(tests/[^`]+)`", text) if not (ROOT / path).exists()} == set()


def test_contributing_says_where_things_are() -> None:
    """Each name of the table is defined in one of the files beside it."""
    section = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where is it?")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| [^|]+ \| (`app/[^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    assert len(rows) >= 15
    missing = [
        name
        for files, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if not any(
            re.search(rf"^ *(async def|def|class) {name}\b", (ROOT / file).read_text(), re.MULTILINE)
            for file in re.findall(r"`([\w/.]+)`", files)
        )
    ]
    assert missing == []
