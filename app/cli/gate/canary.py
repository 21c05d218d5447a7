"""`sloburn canary`: whether a new version fails more often than the old one, for pipelines."""

from typing import Annotated

import typer

from app.cli.console import Format, FormatOption, fail, output, print_json
from app.cli.gate.command import (
    EXIT_DENY,
    EXIT_MISUSED,
    EXIT_UNKNOWN,
    REFUSED,
    FailOpen,
    TokenFile,
    duration_text,
    token_of,
)
from app.cli.remote import DEFAULT_URL, RemoteError, Url, ask_canary
from app.policy import CanaryVerdictKind

_CODES = {CanaryVerdictKind.PASS: 0, CanaryVerdictKind.FAIL: EXIT_DENY, CanaryVerdictKind.INCONCLUSIVE: EXIT_UNKNOWN}


def canary(
    *,
    url: Url = DEFAULT_URL,
    slo: Annotated[str, typer.Option("--slo", help="The SLO whose events are compared.", metavar="ID")],
    label: Annotated[str, typer.Option("--label", help="The label that tells versions apart.", metavar="NAME")],
    baseline: Annotated[str, typer.Option("--baseline", help="Its value of the old version.", metavar="VALUE")],
    canary: Annotated[str, typer.Option("--canary", help="Its value of the new version.", metavar="VALUE")],
    window: Annotated[
        str, typer.Option("--window", help="How far back events count.", metavar="DURATION", parser=duration_text)
    ] = "30m",
    fail_open: FailOpen = False,
    token_file: TokenFile = None,
    format: FormatOption = Format.TEXT,  # noqa: A002  the contract's name
) -> None:
    """Compare the errors of a new version with those of the old one.

    The events of an SLO are counted for both values of a label, and compared by Fisher's exact test. Too few events to
    find errors that would page are inconclusive.

    Exit code 0: pass; 1: fail; 2: inconclusive, or no answer; 3: a mistake in the flags, or a refusal.

    Example: sloburn canary --slo api --label version --baseline v1 --canary v2
    """
    query = [("slo", slo), ("label", label), ("baseline", baseline), ("canary", canary), ("window", window)]
    try:
        data = ask_canary(url, query, token=token_of(token_file))
    except RemoteError as error:
        if error.status in REFUSED:
            fail(str(error), code=EXIT_MISUSED)
        output().print(f"inconclusive: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(0 if fail_open else EXIT_UNKNOWN) from None
    if format is Format.JSON:
        print_json({"data": data})
    else:
        output().print(f"{data['verdict']}: {data['reason']}", markup=False, soft_wrap=True)
    code = _CODES[CanaryVerdictKind(data["verdict"])]
    raise typer.Exit(0 if fail_open and code == EXIT_UNKNOWN else code)
