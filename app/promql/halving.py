"""Halving what a selector selects, where its answer is too large to be read at once."""

from collections import defaultdict
from collections.abc import Mapping

from app.slo import Matcher, MatchOp, Selector

# Characters from the end of a value that are looked at: names and addresses differ there.
_PLACES = 8
_SPECIAL_IN_CLASS = frozenset("\\]^-[&~")


def halving_pattern(series: Mapping[str, float]) -> tuple[str, float]:
    """A regular expression for about half of the series, given how many there are of each value of one label.

    It asks for some characters at one place of the value, so it stays short however many values there are, and good
    while values come and go. The second figure is the share of the larger half, 0.5 to 1; with 1 it halves nothing.

    >>> halving_pattern({"10.0.0.1:80": 5, "10.0.0.2:80": 4})
    ('.*[1].{3}', 0.5555555555555556)
    """
    total = sum(series.values())
    best = ("", 1.0)
    for place in range(_PLACES):
        chosen, share = _half(_by_character(series, place), total)
        if share < best[1]:
            characters = "".join(_escaped(character) for character in sorted(chosen))
            best = (f".*[{characters}].{{{place}}}", share)
    return best


def halves(selector: Selector, label: str, pattern: str) -> tuple[Selector, Selector]:
    """What of a selector matches a pattern in a label, and the rest; together they select exactly the same."""
    return (
        selector.with_matchers(Matcher(label, MatchOp.REGEX, pattern)),
        selector.with_matchers(Matcher(label, MatchOp.NOT_REGEX, pattern)),
    )


def _by_character(series: Mapping[str, float], place: int) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for value, count in series.items():
        # A dot in a regular expression matches no line break: such values are in the other half.
        if len(value) > place and "\n" not in value:
            found[value[-1 - place]] += count
    return found


def _half(characters: Mapping[str, float], total: float) -> tuple[list[str], float]:
    """Characters of about half of *total*, the most frequent first, and the share of the larger half."""
    chosen: list[str] = []
    sum_of_chosen = 0.0
    for character, count in sorted(characters.items(), key=lambda item: (-item[1], item[0])):
        if not chosen or sum_of_chosen + count <= total / 2:
            chosen.append(character)
            sum_of_chosen += count
    return chosen, max(sum_of_chosen, total - sum_of_chosen) / total if total else 1.0


def _escaped(character: str) -> str:
    return f"\\{character}" if character in _SPECIAL_IN_CLASS else character
