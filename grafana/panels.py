"""Panels as our dashboards use them: one figure, lines over time, a state timeline, a table."""

from collections.abc import Sequence
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId

from grafana import colours
from grafana.queries import DATA_SOURCE, even_pace, over_time

RATIO = "percentunit"
SECONDS = "s"
TIMES = "none"
PER_SECOND = "cps"
BYTES = "bytes"

NAME_AND_VALUE = BigValueTextMode.VALUE_AND_NAME
NO_DATA = "no data"
EVEN_PACE = "even pace"
WIDTH = 24


def figure(title: str, description: str, query: Dataquery, *, unit: str = TIMES, width: int = 4) -> stat.Panel:
    """One figure, coloured by its thresholds."""
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .with_target(query.ref_id("A"))
        .unit(unit)
        .no_value(NO_DATA)
        .span(width)
        .height(4)
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def lines(title: str, description: str, *queries: Dataquery, unit: str = TIMES, width: int = 12) -> timeseries.Panel:
    """Lines over time, with a legend that says the newest value of each."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit(unit)
        .no_value(NO_DATA)
        .span(width)
        .height(8)
        .line_width(1)
        .fill_opacity(5)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    for query in _named(queries):
        panel.with_target(query)
    return panel


def this_month(title: str, *queries: Dataquery) -> timeseries.Panel:
    """What is left of budgets since the first of the month, with any time range of the dashboard."""
    description = (
        "What is left of the budget of the month that began on the first: it falls with every bad event and never "
        "rises. The month is that of the SLO window's time zone, UTC for a rolling window. Below the dashed line more "
        "was spent than an even pace would have."
    )
    panel = lines(title, description, *queries, over_time(even_pace(), EVEN_PACE), unit=RATIO)
    panel.time_from("now/M").override_by_name(EVEN_PACE, [dashed(), colour(colours.PLAIN)])
    return with_limits(panel, colours.steps("transparent", (0, colours.BAD)))


def with_limits(panel: timeseries.Panel, limits: builders.ThresholdsConfig) -> timeseries.Panel:
    """The panel with its thresholds drawn as dashed lines."""
    style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(limits).thresholds_style(style)


def timeline(title: str, description: str, *queries: Dataquery, width: int = 12) -> statetimeline.Panel:
    """One bar for each series, coloured by its state."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .no_value(NO_DATA)
        .span(width)
        .height(8)
        .merge_values(merge_values=True)
        .show_value(VisibilityMode.AUTO)
        .row_height(0.8)
        .legend(common.VizLegendOptions().show_legend(show_legend=False))
    )
    for query in _named(queries):
        panel.with_target(query)
    return panel


def rows(title: str, description: str, *queries: Dataquery, height: int = 10, width: int = WIDTH) -> table.Panel:
    """A table whose columns can be filtered."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATA_SOURCE)
        .unit(TIMES)
        .no_value(NO_DATA)
        .span(width)
        .height(height)
        .filterable(filterable=True)
    )
    for query in queries:
        panel.with_target(query)
    return panel


def colour(name: str) -> DynamicConfigValue:
    """An override that paints a series in one colour."""
    return DynamicConfigValue(id_val="color", value={"mode": FieldColorModeId.FIXED.value, "fixedColor": name})


def dashed() -> DynamicConfigValue:
    """An override that draws a series as a dashed line, for what is a limit and not a measurement."""
    return DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 6]})


def coloured_background() -> list[DynamicConfigValue]:
    """An override that paints a table's cell in the colour of its value."""
    return [DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"})]


def coloured_text() -> list[DynamicConfigValue]:
    """An override that writes a table's cell in the colour of its value."""
    return [DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})]


def shown_as(unit: str, limits: builders.ThresholdsConfig, decimals: int) -> list[DynamicConfigValue]:
    """An override that gives a table's column its unit and thresholds."""
    return [
        DynamicConfigValue(id_val="unit", value=unit),
        DynamicConfigValue(id_val="decimals", value=decimals),
        DynamicConfigValue(id_val="thresholds", value=colours.plain(limits)),
    ]


def _named(queries: Sequence[Dataquery]) -> list[Dataquery]:
    """The queries of a panel under the names A, B, C: Grafana drops a second query without a name of its own."""
    return [query.ref_id(name) for name, query in zip(ascii_uppercase, queries, strict=False)]
