"""What every dashboard has in common: its settings, the links between them and the marks where alerts fired."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DashboardCursorSync, DashboardLinkType
from typing_extensions import override

from grafana import colours
from grafana.queries import DATA_SOURCE, data_source_variable, hidden_variable

OVERVIEW = "sloburn-overview"
SLO = "sloburn-slo"
OWN = "sloburn-own"
TAG = "sloburn"


def board(uid: str, title: str, description: str, *, since: str) -> builders.Dashboard:
    """An empty dashboard with the links to its siblings and the choice of data source."""
    return (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .editable()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time(since, "now")
        .timezone("browser")
        .link(_siblings())
        .with_variable(data_source_variable())
        .with_variable(hidden_variable("sloburn", "label_values(sloburn_external_url_info, url)"))
    )


def slo_link(slo: str) -> builders.DashboardLink:
    """A link to the dashboard of one SLO that keeps data source and time range; *slo* is a Grafana expression."""
    return builders.DashboardLink("Open this SLO").type(DashboardLinkType.LINK).url(slo_url(slo))


def slo_url(slo: str) -> str:
    """Where the dashboard of one SLO is; *slo* is a Grafana expression for its id."""
    return f"/d/{SLO}?var-slo={slo}&var-datasource=${{datasource}}&${{__url_time_range}}"


def sloburn_page(title: str, path: str = "") -> builders.DashboardLink:
    """A link to a page of Sloburn itself, in another tab; *path* is a Grafana expression."""
    return (
        builders.DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .url(f"${{sloburn}}{path}")
        .target_blank(target_blank=True)
    )


class GraphMarks(Builder[AnnotationQuery]):
    """Marks on every graph where *expr* has a value; *text* names what fired, such as ``{{slo}}``.

    Those that are not *shown* can be switched on at the top of the dashboard. With *at_value* there is one mark for
    each value of a series, which is its time in milliseconds.
    """

    def __init__(
        self, name: str, expr: str, text: str, colour: str, *, shown: bool = True, at_value: bool = False
    ) -> None:
        self._marks = _Marks(name=name, datasource=DATA_SOURCE, icon_color=colour, expr=expr, enable=shown)
        self._marks.text, self._marks.at_value = text, at_value

    @override
    def build(self) -> AnnotationQuery:
        return self._marks


class _Marks(AnnotationQuery):
    """The SDK's annotation lacks the fields that only Prometheus annotations have."""

    text = ""
    at_value = False

    @override
    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "titleFormat": self.name,
            "textFormat": self.text,
            "step": "30s",
            "useValueForTime": self.at_value,
        }


def change_marks(expr: str, *, shown: bool) -> GraphMarks:
    """Marks where changes of services began; *expr* are series of `slo_last_change_timestamp_seconds`."""
    # Only of the hour after each: a month of marks would else be a month of samples of each.
    begun = f"1000 * (max by (slo_service, environment, kind, version) ({expr}) > time() - 3600)"
    # Grafana writes the name of a label that is not there.
    described = f'label_join({begun}, "change", " ", "kind", "version", "environment")'
    return GraphMarks("Change", described, "{{slo_service}}: {{change}}", colours.CHANGE, shown=shown, at_value=True)


def _siblings() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Sloburn dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=False)
        .keep_time(keep_time=True)
    )
