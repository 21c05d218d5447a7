"""Heads as JSON and back: what a backfill still has to decide survives a restart."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from app.ledger import CounterKey, Evidence, Head, Ledger, Sighting

HeadDocument = dict[str, Any]


def encode_heads(heads: Sequence[Head], ledger: Ledger, row_ids: Sequence[int]) -> list[HeadDocument]:
    """Heads as documents that name rows by their stored ids and counters by their keys."""
    keys = ledger.registry.counter_keys
    return [
        {
            "row": row_ids[head.row],
            "at": head.at,
            "sighted": [_known(time) for time in (head.sighted.last, head.sighted.run, head.sighted.earlier)],
            "values": [[keys[counter][1].series, value] for counter, value in head.values],
            "target": keys[head.values[0][0]][1].target,
            "evidence": [
                head.evidence.value,
                head.evidence.followed_by,
                head.evidence.followed_for_s,
                head.evidence.hindsight_s,
            ],
        }
        for head in heads
    ]


def decode_heads(documents: Sequence[HeadDocument], ledger: Ledger, rows: Mapping[int, int]) -> list[Head]:
    """The heads that `encode_heads` was given; *rows* maps stored ids to rows. Counters must be known already."""
    registry = ledger.registry
    heads = []
    for document in documents:
        row = rows.get(document["row"])
        if row is None:
            continue
        counters = [(registry.find_counter(row, series), value) for series, value in document["values"]]
        value, followed_by, followed_for_s, hindsight_s = document["evidence"]
        last, run, earlier = (float("nan") if time is None else time for time in document["sighted"])
        heads.append(
            Head(
                row=row,
                target=registry.target(row, CounterKey(0, document["target"]).target),
                at=document["at"],
                values=tuple((counter, value) for counter, value in counters if counter is not None),
                evidence=Evidence(
                    value=value, followed_by=followed_by, followed_for_s=followed_for_s, hindsight_s=hindsight_s
                ),
                sighted=Sighting(last=last, run=run, earlier=earlier),
            )
        )
    return heads


def _known(time: float) -> float | None:
    return None if isnan(time) else time
