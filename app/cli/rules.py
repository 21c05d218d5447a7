"""`sloburn rules`: the equivalent Prometheus rules."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
import yaml

from app.cli.console import OutputFile, choice_of, errors, write_result
from app.cli.documents import Paths, sound_documents
from app.promql.rules import RuleNames, rule_groups, rule_limits
from app.sli import NotExpressibleError
from app.slo import Slo
from app.wording.sentences import listed

# Of the SLOs that one sentence is about: a folder may have thousands.
_NAMED = 5

Names = Annotated[
    RuleNames,
    typer.Option(
        "--names",
        help="Whose metric names and labels the rules have.",
        metavar="<sloburn|sloth|pyrra>",
        parser=choice_of(RuleNames),
    ),
]
Native = Annotated[
    bool,
    typer.Option(
        "--native-histograms", help="Read native histograms where there are no classic ones.", show_default=False
    ),
]


def rules(
    paths: Paths, *, names: Names = RuleNames.SLOBURN, native_histograms: Native = False, output: OutputFile = None
) -> None:
    """Print Prometheus rules for the same SLOs.

    PATH is a file with SLO documents, or a folder of such files. Recording and alerting rules are printed. Prometheus
    estimates what Sloburn counts, so budgets and alerts differ: how they do is printed to standard error, and at the
    head of the rules. With --names, metrics and labels are those of the rules of Sloth or Pyrra, so that their
    dashboards and routes go on working. VictoriaMetrics rejects what --native-histograms writes.

    Example: sloburn rules --names sloth config/slos > rules.yml
    """
    slos = sound_documents(paths).slos
    left_out = {slo.id: reason for slo in slos if (reason := _why_not(slo)) is not None}
    kept = [slo for slo in slos if slo.id not in left_out]
    limits = rule_limits(kept, names, native_histograms=native_histograms)
    differences = [
        *(_sentence(limit, of_slos) for limit, of_slos in limits.items()),
        *(f"left out: {slo_id}: {reason}" for slo_id, reason in left_out.items()),
    ]
    groups = {"groups": rule_groups(kept, names, native_histograms=native_histograms)}
    text = "".join(_head(differences)) + yaml.safe_dump(groups, sort_keys=False, allow_unicode=True, width=120)
    write_result(text, output)
    for difference in differences:
        errors().print(f"difference: {difference}", markup=False, soft_wrap=True)


def _head(differences: Sequence[str]) -> Iterator[str]:
    yield "# Written by `sloburn rules`. How these rules differ from Sloburn:\n"
    for difference in differences:
        yield f"# - {difference}\n"


def _sentence(limit: str, slos: Sequence[Slo]) -> str:
    if not slos:
        return limit
    return f"{limit}: {listed([slo.id for slo in slos], _NAMED)}"


def _why_not(slo: Slo) -> str | None:
    """Why there are no rules for an SLO; None if there are."""
    try:
        slo.sli.error_ratio(slo.window.nominal)
    except NotExpressibleError as error:
        return str(error)
    return None
