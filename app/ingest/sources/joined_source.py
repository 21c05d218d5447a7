"""Several sources as one, for questions about the present that each answers for itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from app.ingest.ports import Source
from app.prometheus import BadQueryError, Matrix, PrometheusError
from app.slo import SOURCE_LABEL

JOINED_LABEL = "source"
"""The label that says from which source a series is; of series that have one of that name it is `__source__`."""


@dataclass(frozen=True, slots=True)
class JoinedSource:
    """Asks all sources at once; their series follow each other, each with the name of its source as a label.

    What does not answer is left out, as long as one does.
    """

    sources: Mapping[str, Source]

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        """As in `Source`."""
        return await self._asked(lambda source: source.instant(expr, at, deadline=deadline))

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """As in `Source`."""
        return await self._asked(lambda source: source.range(expr, start, end, step, deadline=deadline))

    async def _asked(self, ask: Callable[[Source], Awaitable[Matrix]]) -> Matrix:
        found = await asyncio.gather(*map(ask, self.sources.values()), return_exceptions=True)
        answers: dict[str, Matrix] = {}
        errors: list[PrometheusError] = []
        for name, answer in zip(self.sources, found, strict=True):
            if isinstance(answer, PrometheusError):
                errors.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                answers[name] = answer
        # A query that one rejects is asked in another way of all.
        rejected = [error for error in errors if isinstance(error, BadQueryError)]
        if rejected or not answers:
            raise (rejected or errors)[0]
        return _joined([_labelled(answer, name) for name, answer in answers.items()])


def _labelled(answer: Matrix, name: str) -> Matrix:
    return replace(answer, labels=tuple({**labels, _label_for(labels): name} for labels in answer.labels))


def _label_for(labels: Mapping[str, str]) -> str:
    return SOURCE_LABEL if JOINED_LABEL in labels else JOINED_LABEL


def _joined(answers: Sequence[Matrix]) -> Matrix:
    return Matrix(
        labels=tuple(labels for answer in answers for labels in answer.labels),
        lengths=np.concatenate([answer.lengths for answer in answers]),
        times=np.concatenate([answer.times for answer in answers]),
        values=np.concatenate([answer.values for answer in answers]),
        warnings=tuple(dict.fromkeys(said for answer in answers for said in answer.warnings)),
        invalid=sum(answer.invalid for answer in answers),
        whole=all(answer.whole for answer in answers),
    )
