"""What is asked of Prometheus: the data source and the two kinds of query, over time and at the end of the range."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATA_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")


def over_time(expr: str, legend: str = "") -> prometheus.Dataquery:
    """A query for every step of the dashboard's time range."""
    return _query(expr).range().legend_format(legend or "__auto")


def newest(expr: str, legend: str = "") -> prometheus.Dataquery:
    """A query for the end of the dashboard's time range."""
    return _query(expr).instant().legend_format(legend or "__auto")


def column(expr: str, ref_id: str) -> prometheus.Dataquery:
    """A query for one column of a table; Grafana calls the column ``Value #<ref_id>``."""
    return _query(expr).instant().format(PromQueryFormat.TABLE).ref_id(ref_id)


def data_source_variable() -> builders.DatasourceVariable:
    """The choice among the Prometheus data sources that Grafana knows."""
    return builders.DatasourceVariable("datasource").label("Data source").type("prometheus")


def label_variable(name: str, label: str, values: str) -> builders.QueryVariable:
    """A choice among the values of a label, such as ``label_values(slo_objective_ratio, slo_service)``."""
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATA_SOURCE)
        .query({"query": values, "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )


def multi_value_variable(name: str, label: str, values: str) -> builders.QueryVariable:
    """A choice of several values of a label; all are chosen at first."""
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return label_variable(name, label, values).multi(multi=True).include_all(include_all=True).current(everything)


def hidden_variable(name: str, values: str) -> builders.QueryVariable:
    """A value that dashboards need and readers do not choose."""
    return label_variable(name, name, values).hide(VariableHide.HIDE_VARIABLE)


def of_services(metric: str, matchers: str = "") -> str:
    """The series of a metric, of the chosen services."""
    return f'{metric}{{slo_service=~"$service"{matchers}}}'


def chosen_slos(metric: str, matchers: str = "", *, at: str = "") -> str:
    """The series of a metric, of the chosen services and of SLOs whose label ``$label`` has a chosen value.

    Labels of documents are on `slo_info` only. A label that an SLO does not have is empty. Members of a group are
    joined by its name: the ticket for missing data is of the whole group, of which there is no `slo_info`.
    """
    return f'({of_services(metric, matchers)}{at} and on (slo_service, slo_name) slo_info{{$label=~"$value"}}{at})'


def even_pace() -> str:
    """What is left of the budget of a calendar month that is spent at an even pace; UTC."""
    return "1 - (day_of_month() - 1 + hour() / 24 + minute() / 1440) / days_in_month()"


def quantile_of_histogram(quantile: float) -> str:
    """A quantile of the events of ``$histogram`` that ``$selector`` selects, be it classic or native.

    Without a histogram both variables are empty, and there is no such series.
    """
    classic, native = (
        # Some name is asked for: Prometheus refuses a selector that might select everything.
        f'rate({{__name__="${{histogram}}{suffix}", __name__!="", ${{selector:raw}}}}[$__rate_interval])'
        for suffix in ("_bucket", "")
    )
    return (
        f"histogram_quantile({quantile:g}, sum by (le) ({classic})) or histogram_quantile({quantile:g}, sum({native}))"
    )


def nearness(burn_rates: str, factors: str) -> str:
    """The slower of the two windows of each tier, as a share of the factor at which the tier trips.

    *burn_rates* have the labels slo and window, *factors* slo, severity, long and short.
    """
    long, short = (
        f'label_replace({burn_rates}, "{window}", "$1", "window", "(.+)") / on (slo, {window}) group_right () {factors}'
        for window in ("long", "short")
    )
    return f"({long} < {short}) or {short}"


def _query(expr: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(DATA_SOURCE).expr(expr)
