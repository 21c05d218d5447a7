"""From which value on a figure is good, doubtful or bad, the same on every dashboard."""

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import (
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

GOOD = "green"
DOUBTFUL = "yellow"
POOR = "orange"
BAD = "red"
PLAIN = "text"
FROZEN = "blue"
PAGE = "semi-dark-red"
TICKET = "semi-dark-orange"
CHANGE = "semi-dark-purple"

LEAST_COVERAGE = 0.9
"""Below this share of measured slots an alert freezes."""


def steps(lowest: str, *higher: tuple[float, str]) -> builders.ThresholdsConfig:
    """*lowest* colour up to the first value, and from each value on its own colour."""
    thresholds = [Threshold(value=None, color=lowest)]
    thresholds += [Threshold(value=value, color=colour) for value, colour in higher]
    return builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(thresholds)


def budget_steps() -> builders.ThresholdsConfig:
    """Red once nothing is left, orange below the tenth that the status calls *at risk*."""
    return steps(BAD, (0, POOR), (0.1, DOUBTFUL), (0.25, GOOD))


def burn_steps() -> builders.ThresholdsConfig:
    """Yellow from the rate that just spends the budget; when an alert fires is another matter for each SLO."""
    return steps(GOOD, (1, DOUBTFUL))


def nearness_steps() -> builders.ThresholdsConfig:
    """Red where both windows of an alert reach its factor."""
    return steps(GOOD, (0.5, DOUBTFUL), (0.8, POOR), (1, BAD))


def coverage_steps() -> builders.ThresholdsConfig:
    """Red where so much is missing that alerts freeze."""
    return steps(BAD, (LEAST_COVERAGE, DOUBTFUL), (0.99, GOOD))


def trouble_steps(colour: str = BAD) -> builders.ThresholdsConfig:
    """Green at zero and *colour* from one on."""
    return steps(GOOD, (1, colour))


def words(*meanings: tuple[float, str, str]) -> list[ValueMapping]:
    """Value mappings: each is a value, the words to show for it and their colour."""
    options = {
        f"{value:g}": ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, text, colour) in enumerate(meanings)
    }
    return [ValueMap(options=options)]


def plain(config: builders.ThresholdsConfig) -> ThresholdsConfig:
    """The thresholds as the value of an override, which takes no builder."""
    return config.build()
