"""What SLIs share whose events are evaluations of PromQL, not samples that are read."""

from typing import Self

from app.slo import CellFunction, Selector, Term


class OfEvaluations:
    """An SLI that is asked for its values at the times of a grid; subclasses are frozen dataclasses."""

    __slots__ = ()

    @property
    def terms(self) -> tuple[Term, ...]:
        """None: no series is counted as it is."""
        return ()

    @property
    def queries(self) -> tuple[Selector, ...]:
        """None: no samples are read."""
        return ()

    @property
    def buckets(self) -> tuple[Selector, ...]:
        """None: no bucket of a histogram is counted."""
        return ()

    @property
    def native(self) -> tuple[Selector, ...]:
        """None: no histogram is counted."""
        return ()

    @property
    def samples_are_events(self) -> bool:
        """True: each evaluation is so many events."""
        return True

    @property
    def cell_functions(self) -> tuple[CellFunction, ...]:
        """None: history is evaluated as the present is."""
        return ()

    def including_native(self) -> Self:
        """The SLI as it is, as what it is made of says by itself what it reads."""
        return self
