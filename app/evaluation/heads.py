"""Heads, births and dips as JSON and back: what is still to be decided survives a restart."""

from collections.abc import Mapping, Sequence
from math import inf, isinf, isnan
from typing import Any

from app.ledger import SCRAPE_S, Birth, CounterKey, Dip, FirstScrape, FirstSighting, LastSeen, Ledger

HeadDocument = dict[str, Any]
BirthDocument = list[Any]
DipDocument = list[Any]


def encode_heads(heads: Sequence[FirstSighting], ledger: Ledger, row_ids: Sequence[int]) -> list[HeadDocument]:
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
                head.evidence.scrape_s,
                head.evidence.row_events,
                head.evidence.bad_value,
                head.evidence.bad_followed_by,
                head.evidence.followed_pace,
                head.evidence.served_s,
            ],
        }
        for head in heads
    ]


def decode_heads(documents: Sequence[HeadDocument], ledger: Ledger, rows: Mapping[int, int]) -> list[FirstSighting]:
    """The heads that `encode_heads` was given; *rows* maps stored ids to rows. Counters must be known already."""
    registry = ledger.registry
    heads = []
    for document in documents:
        row = rows.get(document["row"])
        if row is None:
            continue
        counters = [(registry.find_counter(row, series), value) for series, value in document["values"]]
        # Heads of earlier versions do not know the last six.
        known = document["evidence"]
        evidence: list[Any] = [*known, *[SCRAPE_S, 0.0, 0.0, 0.0, None, None][len(known) - 4 :]]
        value, followed_by, followed_for_s, hindsight_s, scrape_s, row_events, bad_value, bad_followed_by = evidence[:8]
        last, run, earlier = (float("nan") if time is None else time for time in document["sighted"])
        heads.append(
            FirstSighting(
                row=row,
                target=registry.target(row, CounterKey(0, document["target"]).target),
                at=document["at"],
                values=tuple((counter, value) for counter, value in counters if counter is not None),
                evidence=FirstScrape(
                    value=value,
                    followed_by=followed_by,
                    followed_for_s=followed_for_s,
                    hindsight_s=hindsight_s,
                    scrape_s=scrape_s,
                    row_events=row_events,
                    bad_value=bad_value,
                    bad_followed_by=bad_followed_by,
                    followed_pace=evidence[8],
                    served_s=evidence[9],
                ),
                sighted=LastSeen(last=last, run=run, earlier=earlier),
            )
        )
    return heads


def encode_births(births: Sequence[Birth], ledger: Ledger, row_ids: Sequence[int]) -> list[BirthDocument]:
    """Births as lists that name rows by their stored ids and counters by their series."""
    keys = ledger.registry.counter_keys
    return [
        [row_ids[birth.row], keys[birth.counter][1].series, birth.since, birth.at, birth.value, birth.worth]
        for birth in births
    ]


def decode_births(documents: Sequence[BirthDocument], ledger: Ledger, rows: Mapping[int, int]) -> list[Birth]:
    """The births that `encode_births` was given. Counters must be known already."""
    registry = ledger.registry
    births = []
    for row_id, series, since, at, value, worth in documents:
        row = rows.get(row_id)
        counter = None if row is None else registry.find_counter(row, series)
        if row is None or counter is None:
            continue
        target = int(registry.arrays.target[counter])
        births.append(Birth(row=row, target=target, counter=counter, since=since, at=at, value=value, worth=worth))
    return births


def encode_dips(dips: Mapping[int, Dip], ledger: Ledger, row_ids: Sequence[int]) -> list[DipDocument]:
    """Dips as lists that name rows by their stored ids and counters by their series."""
    keys = ledger.registry.counter_keys
    return [
        [
            row_ids[keys[counter][0]],
            keys[counter][1].series,
            dip.high,
            dip.at,
            dip.gap_s,
            dip.low,
            dip.newest,
            dip.counted,
            None if isinf(dip.expires_s) else dip.expires_s,
            dip.pace,
            dip.alone,
            dip.own_pace,
            dip.grown,
            dip.grown_from_low,
            dip.moved_at,
        ]
        for counter, dip in dips.items()
    ]


def decode_dips(documents: Sequence[DipDocument], ledger: Ledger, rows: Mapping[int, int]) -> dict[int, Dip]:
    """The dips that `encode_dips` was given, by counter. Counters must be known already."""
    dips = {}
    for row_id, series, high, at, gap_s, low, newest, counted, expires_s, pace, alone, *later in documents:
        # The first versions did not store the rest: nothing was counted at a lower level.
        own_pace, grown, grown_from_low, moved_at = [*later, *[pace, 0.0, 0.0, at][len(later) :]]
        row = rows.get(row_id)
        counter = None if row is None else ledger.registry.find_counter(row, series)
        if counter is not None:
            dips[counter] = Dip(
                high=high,
                at=at,
                gap_s=gap_s,
                low=low,
                newest=newest,
                counted=counted,
                expires_s=inf if expires_s is None else expires_s,
                pace=pace,
                alone=alone,
                own_pace=own_pace,
                grown=grown,
                grown_from_low=grown_from_low,
                moved_at=moved_at,
            )
    return dips


def _known(time: float) -> float | None:
    return None if isnan(time) else time
