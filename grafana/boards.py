"""What every dashboard has in common: its settings, the links between them and the marks where alerts fired."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DashboardCursorSync, DashboardLinkType
from typing_extensions import override

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


class AlertMarks(Builder[AnnotationQuery]):
    """Marks on every graph where *expr* has a value; *text* names what fired, such as ``{{slo}}``.

    Those that are not *shown* can be switched on at the top of the dashboard.
    """

    def __init__(self, name: str, expr: str, text: str, colour: str, *, shown: bool = True) -> None:
        self._marks = _Marks(name=name, datasource=DATA_SOURCE, icon_color=colour, expr=expr, enable=shown)
        self._marks.text = text

    @override
    def build(self) -> AnnotationQuery:
        return self._marks


class _Marks(AnnotationQuery):
    """The SDK's annotation lacks the fields that only Prometheus annotations have."""

    text = ""

    @override
    def to_json(self) -> dict[str, object]:
        return super().to_json() | {"titleFormat": self.name, "textFormat": self.text, "step": "30s"}


def _siblings() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Sloburn dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=False)
        .keep_time(keep_time=True)
    )
