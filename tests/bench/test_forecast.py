"""What is promised of forecasts, on fewer histories than `python -m bench forecast`."""

from bench.forecast import ForecastScore, keeps_promise, score
from bench.forecast_months import KINDS


def test_an_80_percent_interval_holds_what_comes_in_80_percent() -> None:
    """Between 75 and 85% over all kinds of history, and less error than if the rates of the last hours went on."""
    whole = ForecastScore()
    for kind in KINDS:
        whole.add(score(kind, range(8), origins=4))
    assert keeps_promise(whole)
