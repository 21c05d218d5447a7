"""The command: one question, or the same again until the answer is a yes or the time is over."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand
from typing_extensions import override

from app.cli.configuration import api_token
from app.cli.console import Format, FormatOption, choice_of, errors, fail, output, print_json, write_file
from app.cli.gate.reports import (
    append_github_files,
    github_annotation,
    gitlab_annotations,
    junit_xml,
    report_lines,
    summary_page,
    variables,
)
from app.cli.remote import DEFAULT_URL, RemoteError, Url, ask_gate
from app.policy import GateDecision
from app.slo import DurationError, parse_duration

if TYPE_CHECKING:
    from app.api.gate.models import GateDataModel

# As of diff and grep: 1 is a negative answer, 2 is trouble.
EXIT_DENY, EXIT_UNKNOWN, EXIT_MISUSED = 1, 2, 3
# A restart of the service takes less; without --wait nothing waits for longer.
_ATTEMPTS, _PAUSE_S = 3, 2.0
# Typer has its own copy of Click, or the installed one, depending on its version.
_USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__base__)
REFUSED = frozenset({400, 401, 403, 404, 405, 407, 422})
"""Statuses of answers that the question or the token is the reason of."""
# A parent process gets eight bits of it.
_MOST_EXIT_CODE = 255


class GateCommand(TyperCommand):
    """A command of which mistakes in flags end with 3: 2 means that nothing is known."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except _USAGE_ERROR as error:
            error.exit_code = EXIT_MISUSED  # type: ignore[attr-defined]  # what ends the program reads it
            raise


class Pipeline(StrEnum):
    """Whose annotations are written; *auto* goes by the environment."""

    AUTO = "auto"
    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


def duration_text(text: str) -> str:
    """A duration of an option, as it was written."""
    try:
        parse_duration(text)
    except DurationError as error:
        raise typer.BadParameter(f"{error.problem}; {error.remedy}") from error
    return text


def _file(flag: str, what: str) -> Any:
    return typer.Option(flag, help=what, metavar="FILE", show_default=False)


Service = Annotated[str, typer.Option("--service", help="The service that is changed.", metavar="NAME")]
Environment = Annotated[str, typer.Option("--environment", help="Where it is changed.", metavar="NAME")]
Change = Annotated[
    str, typer.Option("--change", help="The kind of the change, such as feature or fix.", metavar="KIND")
]
SloIds = Annotated[
    list[str] | None, typer.Option("--slo", help="Only this SLO; may be repeated.", metavar="ID", show_default=False)
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label", help="Only SLOs with this label; may be repeated.", metavar="NAME=VALUE", show_default=False
    ),
]
Caller = Annotated[str, typer.Option("--caller", help="Who asks, for the log of decisions.", metavar="NAME")]
Wait = Annotated[
    str | None,
    typer.Option(
        "--wait",
        help="Ask again for so long while the answer is deny or unknown.",
        metavar="DURATION",
        parser=duration_text,
        show_default=False,
    ),
]
Every = Annotated[str, typer.Option("--every", help="How often --wait asks.", metavar="DURATION", parser=duration_text)]
FailOpen = Annotated[bool, typer.Option("--fail-open", help="Exit with 0 instead of 2 where nothing is known.")]
WarnExitCode = Annotated[
    int,
    typer.Option("--warn-exit-code", help="Exit with this for warn.", metavar="CODE", min=0, max=_MOST_EXIT_CODE),
]
TokenFile = Annotated[Path | None, _file("--token-file", "File with a token to send, for a proxy that asks for one.")]
Junit = Annotated[Path | None, _file("--junit", "Write a JUnit report, a test case for each SLO.")]
Summary = Annotated[Path | None, _file("--summary", "Write a summary in Markdown.")]
Dotenv = Annotated[Path | None, _file("--dotenv", "Write GATE_DECISION and others as NAME=VALUE.")]
Annotations = Annotated[Path | None, _file("--annotations", "Write GitLab's report of annotations: links to SLOs.")]
PipelineOption = Annotated[
    Pipeline,
    typer.Option(
        "--pipeline",
        help="Whose annotations are printed; auto goes by the environment.",
        metavar="<auto|github|gitlab|none>",
        parser=choice_of(Pipeline),
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    url: str
    query: Sequence[tuple[str, str]]
    token: str


def gate(
    *,
    url: Url = DEFAULT_URL,
    service: Service = "",
    environment: Environment = "",
    change: Change = "",
    slo: SloIds = None,
    label: Labels = None,
    caller: Caller = "",
    wait: Wait = None,
    every: Every = "15s",
    fail_open: FailOpen = False,
    warn_exit_code: WarnExitCode = 0,
    token_file: TokenFile = None,
    junit: Junit = None,
    summary: Summary = None,
    dotenv: Dotenv = None,
    annotations: Annotations = None,
    pipeline: PipelineOption = Pipeline.AUTO,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """Ask a running service whether a change may go ahead.

    The answer follows from the error budget policies of the SLOs that the change may hurt. In GitHub Actions it is also
    an annotation, a summary and outputs of the step.

    Exit code 0: allow or warn; 1: deny; 2: unknown, or the service does not answer; 3: a mistake in the flags, or the
    service refuses the question or the token.

    Example: sloburn gate --service checkout --environment prod --change feature
    """
    if not (service or slo or label):
        fail("name what is changed: --service, --slo or --label", code=EXIT_MISUSED)
    values = [("service", service), ("environment", environment), ("change", change), ("caller", caller)]
    query = [(name, value) for name, value in values if value]
    query += [("slo", one) for one in slo or ()] + [("label", one) for one in label or ()]
    question = _Question(url=url, query=query, token=token_of(token_file))
    data = _answer(question, wait_s=_seconds(wait), every_s=_seconds(every))
    _report(data, pipeline=_pipeline(pipeline), format_=format)
    for file, text in (
        (junit, junit_xml(data)),
        (summary, summary_page(data)),
        (dotenv, "".join(f"GATE_{name.upper()}={value}\n" for name, value in variables(data).items())),
        (annotations, gitlab_annotations(data)),
    ):
        if file is not None:
            write_file(file, text, code=EXIT_MISUSED)
    code = {GateDecision.DENY: EXIT_DENY, GateDecision.WARN: warn_exit_code}.get(GateDecision(data["decision"]), 0)
    if data["decision"] == GateDecision.UNKNOWN and not fail_open:
        code = EXIT_UNKNOWN
    raise typer.Exit(code)


def _seconds(duration: str | None) -> float:
    return 0.0 if duration is None else parse_duration(duration).total_seconds()


def _answer(question: _Question, *, wait_s: float, every_s: float) -> "GateDataModel":
    """The last answer: at once without *wait_s*, else a yes or the answer when the time is over."""
    until = time.monotonic() + wait_s
    while True:
        data = _asked(question)
        left_s = until - time.monotonic()
        if GateDecision(data["decision"]).ok or left_s <= 0:
            return data
        errors().print(f"sloburn: {data['decision']}; asking again: {data['reason']}", markup=False, soft_wrap=True)
        time.sleep(min(every_s, left_s))


def _asked(question: _Question) -> "GateDataModel":
    """One answer; *unknown* if the service gives none after a few attempts."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return ask_gate(question.url, question.query, token=question.token)
        except RemoteError as error:
            if error.status in REFUSED:
                fail(str(error), code=EXIT_MISUSED)
            if attempt == _ATTEMPTS:
                return _no_answer(question, str(error))
            time.sleep(_PAUSE_S if error.status is not None else 0.0)
    raise AssertionError


def _no_answer(question: _Question, reason: str) -> "GateDataModel":
    given = dict(question.query)
    return {
        "ok": False,
        "decision": GateDecision.UNKNOWN,
        "reason": reason,
        "budget_remaining": None,
        "policy": None,
        "owners": [],
        "until": None,
        "exception": None,
        "service": given.get("service", ""),
        "environment": given.get("environment", ""),
        "change": given.get("change", ""),
        "id": "",
        "at": datetime.now(UTC),
        "slos": [],
        "slos_total": 0,
    }


def _report(data: "GateDataModel", *, pipeline: Pipeline, format_: Format) -> None:
    if format_ is Format.JSON:
        print_json({"data": data})
    else:
        for line in report_lines(data):
            output().print(line, markup=False, soft_wrap=True)
    if pipeline is Pipeline.GITHUB:
        # A command of GitHub must begin its line; standard error is read as well, and JSON stays JSON.
        errors().print(github_annotation(data), markup=False, soft_wrap=True)
        append_github_files(data, os.environ)


def _pipeline(wanted: Pipeline) -> Pipeline:
    if wanted is not Pipeline.AUTO:
        return wanted
    # Both CI systems document that their variable is always set to true.
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return Pipeline.GITHUB
    return Pipeline.GITLAB if os.environ.get("GITLAB_CI") == "true" else Pipeline.NONE


def token_of(file: Path | None) -> str:
    """The token to send; empty if there is none."""
    try:
        return api_token(file)
    except typer.Exit as error:
        raise typer.Exit(EXIT_MISUSED) from error
