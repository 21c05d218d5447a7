"""What SLIs share whose events are samples."""

from typing import Self

from typing_extensions import override

from app.promql.selector_text import render
from app.slo import Evaluated, Selector, Sli


class OfSamples(Sli):
    """An SLI that counts samples as they are; subclasses are frozen dataclasses that have the rest of `Sli`."""

    __slots__ = ()

    @property
    @override
    def query(self) -> str:
        return render(self.terms[0].selector)

    @property
    @override
    def buckets(self) -> tuple[Selector, ...]:
        return ()

    @property
    @override
    def native(self) -> tuple[Selector, ...]:
        return ()

    @override
    def including_native(self) -> Self:
        return self

    @property
    @override
    def evaluated(self) -> Evaluated | None:
        return None

    @property
    @override
    def samples_are_events(self) -> bool:
        return True
