"""The SLI plugins that Sloth publishes as `sloth-common`: the counters of each, by its options.

Source: https://github.com/slok/sloth-common-sli-plugins
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.documents.importing.events import sli_of_events
from app.documents.importing.samples import WINDOW
from app.documents.importing.scope import Scope
from app.documents.sloth.model import PluginModel
from app.documents.sloth.placeholders import PLACEHOLDERS, sli_of_placeholder
from app.promql.selector_text import quote
from app.slo import Sli

_Options = Mapping[str, str]
_COMMON = "sloth-common/"
# What Go's ParseBool takes for true, in lower case.
_TRUE = frozenset({"1", "t", "true"})
_SERVER_ERRORS, _SERVER_ERRORS_AND_LIMITS = '"(5..)"', '"(5..|429)"'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queries:
    """Queries of all events and of the bad or the good ones; *repair*: what is counted otherwise than by the plugin."""

    total: str
    bad: str | None = None
    good: str | None = None
    repair: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What a plugin counts, and the options that it needs and knows."""

    queries: Callable[[_Options], _Queries]
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset({"filter"})


def sli_of_plugin(model: PluginModel, objective: float, scope: Scope) -> Sli | None:
    """What is counted; None, and why, where the plugin is not known or its options are wrong."""
    of_options = scope.below("options")
    placeholder = PLACEHOLDERS.get(model.id)
    if placeholder is not None:
        if not _are_usable(model.options, placeholder.required, placeholder.optional, of_options):
            return None
        return sli_of_placeholder(placeholder, model.options, objective, scope.below("id"))
    plugin = PLUGINS.get(model.id)
    if plugin is None:
        problem = f"{model.id} is a plugin that Sloburn does not know"
        scope.below("id").error(problem, "write its queries under events", "unknown_plugin")
        return None
    if not _are_usable(model.options, plugin.required, plugin.optional, of_options):
        return None
    queries = plugin.queries(model.options)
    if queries.repair:
        scope.below("id").warning(queries.repair, "write the queries that you mean under events", "plugin_repaired")
    bad, good = ((query, of_options) if query is not None else None for query in (queries.bad, queries.good))
    return sli_of_events(total=(queries.total, of_options), bad=bad, good=good, are_counters=True)


def _are_usable(options: _Options, required: frozenset[str], optional: frozenset[str], scope: Scope) -> bool:
    for name in options:
        if name not in required | optional:
            known = ", ".join(sorted(required | optional))
            remedy = f"write one of {known}" if known else "remove it: the plugin has no options"
            scope.below(name).warning("is no option of the plugin", remedy, "unknown_key")
    missing = [name for name in sorted(required) if not options.get(name, "").strip()]
    faults = [(scope.below(name), "is missing", f"write {name}: and a value") for name in missing]
    for name, (is_usable, remedy) in _NUMBERS.items():
        text = options.get(name, "").strip() if name in required | optional else ""
        if text and not is_usable(_number(text)):
            faults.append((scope.below(name), f"{text!r} is not a number that it can be", remedy))
    for place, problem, remedy in faults:
        place.error(problem, remedy)
    return not faults


def _number(text: str) -> float:
    """The number; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_bound(number: float) -> bool:
    return not math.isnan(number)


def _is_factor(number: float) -> bool:
    return math.isfinite(number) and number >= 0.0


# Options that are numbers: which ones each can be, and what to write.
_NUMBERS: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "bucket": (_is_bound, 'write the bound of a bucket: "0.4"'),
    "burn_rate": (_is_factor, 'write a burn rate: "1"'),
    "jitter_percent": (_is_factor, 'write a percentage: "10"'),
}


def _selector(metric: str, options: _Options, *matchers: str) -> str:
    # Sloth's plugins trim braces and commas in the same way.
    given = options.get("filter", "").strip().strip("{},")
    return f"{metric}{{{','.join(matcher for matcher in (given, *matchers) if matcher)}}}"


def _excluded(options: _Options, label: str = "code") -> str:
    """The matcher that leaves errors out, where an option asks for it."""
    return f'{label}!~"5.."' if options.get("exclude_errors", "").strip().lower() in _TRUE else ""


def _errors(metric: str, error: str) -> Plugin:
    def queries(options: _Options) -> _Queries:
        return _Queries(total=_selector(metric, options), bad=_selector(metric, options, error))

    return Plugin(queries=queries)


def _coredns(options: _Options) -> _Queries:
    metric = "coredns_dns_responses_total"
    rcode = options.get("custom_rcode_regex", "").strip() or "SERVFAIL"
    return _Queries(total=_selector(metric, options), bad=_selector(metric, options, f"rcode=~{quote(rcode)}"))


def _bucket(histogram: str, options: _Options, *matchers: str, repair: str = "") -> _Queries:
    bound = f"le={quote(options['bucket'].strip())}"
    return _Queries(
        total=_selector(f"{histogram}_count", options, *matchers),
        good=_selector(f"{histogram}_bucket", options, *matchers, bound),
        repair=repair,
    )


def _of_istio(options: _Options) -> tuple[str, str]:
    service, namespace = (quote(options[name].strip()) for name in ("service", "namespace"))
    return f"destination_service_name={service}", f"destination_service_namespace={namespace}"


def _istio_availability(options: _Options) -> _Queries:
    metric, matchers = "istio_requests_total", _of_istio(options)
    bad = _selector(metric, options, *matchers, f"response_code=~{_SERVER_ERRORS_AND_LIMITS}")
    return _Queries(total=_selector(metric, options, *matchers), bad=bad)


def _istio_latency(options: _Options) -> _Queries:
    excluded = _excluded(options, "response_code")
    repair = "exclude_errors leaves out 5xx by response_code; the plugin asks for a label that Istio does not have"
    histogram = "istio_request_duration_milliseconds"
    return _bucket(histogram, options, *_of_istio(options), excluded, repair=repair if excluded else "")


def _linkerd_availability(options: _Options) -> _Queries:
    metric, inbound = "response_total", 'direction="inbound"'
    bad = _selector(metric, options, 'classification="failure"', inbound)
    return _Queries(total=_selector(metric, options, inbound), bad=bad)


def _linkerd_latency(options: _Options) -> _Queries:
    repair = "counts response_latency_ms of Linkerd: the plugin's own query is not PromQL"
    return _bucket("response_latency_ms", options, 'direction="inbound"', repair=repair)


def _apiserver_latency(options: _Options) -> _Queries:
    return _bucket("apiserver_request_duration_seconds", options, 'verb!="WATCH"')


def _kooper(metric: str, options: _Options, *matchers: str) -> str:
    return _selector(metric, options, f"controller={quote(options['controller'].strip())}", *matchers)


def _kooper_availability(options: _Options) -> _Queries:
    processed = "kooper_controller_processed_event_duration_seconds_count"
    requeued = _kooper("kooper_controller_queued_events_total", options, 'requeue="true"')
    failed = _kooper(processed, options, 'success="false"')
    # A retry of an event is not an event of its own.
    total = f"sum(rate({_kooper(processed, options)}{WINDOW})) - sum(rate({requeued}{WINDOW}))"
    return _Queries(total=total, bad=f"sum(rate({failed}{WINDOW}))")


def _kooper_bucket(histogram: str) -> Plugin:
    def queries(options: _Options) -> _Queries:
        return _bucket(histogram, options, f"controller={quote(options['controller'].strip())}")

    return Plugin(queries=queries, required=frozenset({"controller", "bucket"}))


def _rules(options: _Options) -> _Queries:
    total = _selector("prometheus_rule_evaluations_total", options)
    return _Queries(total=total, bad=_selector("prometheus_rule_evaluation_failures_total", options))


def _targets(options: _Options) -> _Queries:
    up = f"{_selector('up', options)}{WINDOW}"
    return _Queries(total=f"sum(count_over_time({up}))", good=f"sum(sum_over_time({up}))")


def _traefik(label: str, option: str, of: str, errors: str) -> tuple[Plugin, Plugin]:
    """The availability and latency of a version of Traefik, of the *label* that the *option* matches."""

    def availability(options: _Options) -> _Queries:
        metric, matcher = f"traefik_{of}_requests_total", f"{label}=~{quote(options[option].strip())}"
        bad = _selector(metric, options, matcher, f"code=~{errors}")
        return _Queries(total=_selector(metric, options, matcher), bad=bad)

    def latency(options: _Options) -> _Queries:
        matcher = f"{label}=~{quote(options[option].strip())}"
        return _bucket(f"traefik_{of}_request_duration_seconds", options, matcher, _excluded(options))

    required = frozenset({option})
    return (
        Plugin(queries=availability, required=required),
        Plugin(queries=latency, required=required | {"bucket"}, optional=frozenset({"filter", "exclude_errors"})),
    )


def _http(options: _Options) -> _Queries:
    return _bucket("http_request_duration_seconds", options, _excluded(options))


_TRAEFIK_1 = _traefik("backend", "backend_regex", "backend", _SERVER_ERRORS_AND_LIMITS)
_TRAEFIK_2 = _traefik("service", "service_name_regex", "service", _SERVER_ERRORS)
_OF_SERVICE = frozenset({"service", "namespace"})
_FILTER, _BUCKET = frozenset({"filter"}), frozenset({"bucket"})
_EXCLUDABLE = frozenset({"filter", "exclude_errors"})

PLUGINS: Mapping[str, Plugin] = {
    f"{_COMMON}coredns/availability": Plugin(queries=_coredns, optional=frozenset({"filter", "custom_rcode_regex"})),
    f"{_COMMON}coredns/latency": Plugin(
        queries=lambda options: _bucket("coredns_dns_request_duration_seconds", options), required=_BUCKET
    ),
    f"{_COMMON}haproxy/frontend/availability": _errors("haproxy_frontend_http_responses_total", 'code="5xx"'),
    f"{_COMMON}istio/v1/availability": Plugin(queries=_istio_availability, required=_OF_SERVICE),
    f"{_COMMON}istio/v1/latency": Plugin(queries=_istio_latency, required=_OF_SERVICE | _BUCKET, optional=_EXCLUDABLE),
    f"{_COMMON}kubernetes/apiserver/availability": _errors(
        "apiserver_request_total", f"code=~{_SERVER_ERRORS_AND_LIMITS}"
    ),
    f"{_COMMON}kubernetes/apiserver/latency": Plugin(queries=_apiserver_latency, required=_BUCKET),
    f"{_COMMON}kubernetes/kooper/availability": Plugin(
        queries=_kooper_availability, required=frozenset({"controller"})
    ),
    f"{_COMMON}kubernetes/kooper/latency": _kooper_bucket("kooper_controller_processed_event_duration_seconds"),
    f"{_COMMON}kubernetes/kooper/queue-congestion": _kooper_bucket("kooper_controller_event_in_queue_duration_seconds"),
    f"{_COMMON}kubernetes/nginx-ingress/availability": _errors(
        "nginx_ingress_controller_requests", f"status=~{_SERVER_ERRORS_AND_LIMITS}"
    ),
    f"{_COMMON}linkerd/v2/availability": Plugin(queries=_linkerd_availability, required=_FILTER),
    f"{_COMMON}linkerd/v2/latency": Plugin(queries=_linkerd_latency, required=_FILTER | _BUCKET),
    f"{_COMMON}prometheus/rules/eval-availability": Plugin(queries=_rules),
    f"{_COMMON}prometheus/targets/availability": Plugin(queries=_targets),
    f"{_COMMON}slok-go-http-metrics/availability": _errors(
        "http_request_duration_seconds_count", f"code=~{_SERVER_ERRORS_AND_LIMITS}"
    ),
    f"{_COMMON}slok-go-http-metrics/latency": Plugin(queries=_http, required=_BUCKET, optional=_EXCLUDABLE),
    f"{_COMMON}traefik/v1/availability": _TRAEFIK_1[0],
    f"{_COMMON}traefik/v1/latency": _TRAEFIK_1[1],
    f"{_COMMON}traefik/v2/availability": _TRAEFIK_2[0],
    f"{_COMMON}traefik/v2/latency": _TRAEFIK_2[1],
}
"""By id, every plugin of `sloth-common` that counts something."""
