"""Which data sources answer PromQL."""

_PROMETHEUS = frozenset({"prometheus", "thanos", "mimir", "cortex", "victoriametrics", "amazonprometheus", "promql"})


def is_prometheus(source: str | None) -> bool:
    """Whether a kind of server answers PromQL; people write its name in any case."""
    return source is not None and source.lower().replace(" ", "") in _PROMETHEUS
