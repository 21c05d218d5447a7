"""Between which bounds of a histogram a threshold lies, where it is none of them: how much is interpolated."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bracket:
    """The bucket around a threshold: its bounds, the *share* of it that is counted, and its *part* of all events."""

    lower: float
    upper: float
    share: float
    part: float

    @property
    def said(self) -> str:
        """Where the threshold lies, and what part of the events is interpolated, in words."""
        return (
            f"it is between {self.lower:.6g} and {self.upper:.6g}, and what lies between these is interpolated, "
            f"{self.part:.2%} of the events"
        )


@dataclass(slots=True)
class Interpolated:
    """The bucket of most events around the threshold of an SLI, None where all are exact, and when that was seen."""

    bracket: Bracket | None = None
    seen_s: float = 0.0

    def note(self, brackets: Iterable[Bracket | None], at_s: float) -> None:
        """Note the brackets of histograms at a time, unix seconds; what is older than known is left out."""
        if at_s < self.seen_s:
            return
        found = [bracket for bracket in brackets if bracket is not None]
        self.bracket, self.seen_s = max(found, key=lambda bracket: bracket.part, default=None), at_s
