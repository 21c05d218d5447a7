"""`sloburn rules`: the equivalent Prometheus rules."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from app.cli.console import EXIT_USAGE, fail
from app.cli.documents import Paths, sound_documents
from app.promql.rules import rule_groups
from app.sli import NotExpressibleError
from app.slo import Slo

_HEADER = """\
# Written by `sloburn rules`. Where these rules differ from Sloburn: ratios of rate() are estimates, calendar
# windows have no budget here, a page does not mute its ticket, a single failure at low traffic fires, and missing data
# resolves what fires.
"""

Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write to this file instead of standard output.", metavar="FILE", show_default=False
    ),
]


def rules(paths: Paths, output: Output = None) -> None:
    """Print recording and alerting rules of Prometheus for the same SLOs.

    PATH is a file with SLO documents, or a folder of such files. Prometheus estimates what Sloburn counts, so budgets
    and alerts differ: the comment at the head of the output lists how.

    Example: sloburn rules config/slos > rules.yml
    """
    slos = sound_documents(paths).slos
    left_out = {slo.id: reason for slo in slos if (reason := _why_not(slo)) is not None}
    groups = {"groups": rule_groups(slo for slo in slos if slo.id not in left_out)}
    said = "".join(f"# Left out: {slo_id}: {reason}.\n" for slo_id, reason in left_out.items())
    text = _HEADER + said + yaml.safe_dump(groups, sort_keys=False, allow_unicode=True, width=120)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text)
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror}", code=EXIT_USAGE)


def _why_not(slo: Slo) -> str | None:
    """Why there are no rules for an SLO; None if there are."""
    try:
        slo.sli.error_ratio(slo.window.nominal)
    except NotExpressibleError as error:
        return str(error)
    return None
