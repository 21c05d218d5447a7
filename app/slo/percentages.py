"""Ratios as percentages that people write and read."""


def format_percent(ratio: float) -> str:
    """A ratio that somebody chose, such as an objective, in percent, exactly.

    >>> format_percent(0.999), format_percent(0.99995), format_percent(1 - 0.999)
    ('99.9%', '99.995%', '0.1%')
    """
    return f"{ratio * 100:.10g}%"
