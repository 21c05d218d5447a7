"""SLIs that compare a quantile with a threshold, as the share of requests within the threshold that they stand for.

"The 95th percentile is below 200 ms" is the promise that 95% of requests take at most 200 ms. Evaluated as it is
written, it says for how many minutes that was so, however many requests were in each.
"""

from dataclasses import replace
from decimal import Decimal

from app.alerting.policy import check_rule, default_policies
from app.promql.buckets import le_matcher
from app.promql.evaluable import ComparedQuantile, buckets_of, compared_quantile, quantile_of
from app.promql.metric_names import BUCKET, NAME
from app.promql.selector_text import SelectorError
from app.sli import Expression, sli_of_good
from app.slo import Events, Matcher, MatchOp, Selector, SeverityPolicy, Sli, Slo

_ABOVE, _BELOW = frozenset({">", ">="}), frozenset({"<", "<="})


def share_within_threshold(slo: Slo) -> Slo | None:
    """The SLO of the share of requests within the threshold; None where its SLI compares no quantile."""
    if not isinstance(slo.sli, Expression):
        return None
    found = _compared(slo.sli)
    sli = None if found is None else _share_within(slo.sli, found)
    if found is None or sli is None:
        return None
    objective = found.quantile.quantile
    policies = tuple(changed for one in slo.alerting.policies if (changed := _suited(one, slo, objective)) is not None)
    return replace(slo, sli=sli, objective=objective, alerting=replace(slo.alerting, policies=policies))


def _compared(sli: Expression) -> ComparedQuantile | None:
    """The comparison that a good value, or the bad events, of an SLI come to, if high quantiles are bad."""
    if sli.good_when is not None:
        quantile, operator = quantile_of(sli.expression), str(sli.good_when.comparison)
        if quantile is None or operator not in _BELOW:
            return None
        return ComparedQuantile(quantile=quantile, operator=operator, threshold=sli.good_when.number)
    found = compared_quantile(sli.expression)
    wanted = _ABOVE if sli.shares is Events.BAD else _BELOW
    return found if found is not None and found.operator in wanted else None


def _share_within(sli: Expression, found: ComparedQuantile) -> Sli | None:
    """The events in the bucket at the threshold; None where that could be none."""
    try:
        buckets = buckets_of(sli.expression)
    except SelectorError:
        return None
    if buckets is None or not 0 < found.quantile.quantile < 1 or not found.threshold > 0:
        return None
    matchers = tuple(matcher for matcher in buckets.matchers if matcher.label not in {NAME, BUCKET})
    histogram = found.quantile.histogram
    bound = le_matcher(Decimal(repr(found.threshold)))
    return sli_of_good(
        total=Selector((Matcher(NAME, MatchOp.EQUAL, f"{histogram}_count"), *matchers)),
        good=Selector((Matcher(NAME, MatchOp.EQUAL, f"{histogram}_bucket"), bound, *matchers)),
        by=sli.by,
    )


def _suited(policy: SeverityPolicy, slo: Slo, objective: float) -> SeverityPolicy | None:
    """The policy with the rules that can fire at another objective; None where there are none."""
    usual = {one.severity: one.rules for one in default_policies(slo.window, slo.objective)}
    rules = policy.rules
    if rules == usual.get(policy.severity):
        new = {one.severity: one.rules for one in default_policies(slo.window, objective)}
        rules = new.get(policy.severity, ())
    possible = tuple(rule for rule in rules if check_rule(rule, objective) is None)
    return replace(policy, rules=possible) if possible else None
