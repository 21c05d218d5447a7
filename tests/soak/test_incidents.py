"""`kill -9` at any moment while incidents come and go: all news is told, in order, each under a key of its own.

`SLOBURN_SOAK` says how long: 4 kills in `make test`, 500 in `make soak`.
"""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from testbed.servers import alertmanager, prometheus
from testbed.service import Server, sloburn, write_documents
from testbed.shop import Shop, serving_shop
from testbed.sink import Sink
from testbed.stack import QUICK
from testbed.waiting import wait_until
from tests.soak.news import FIRES_AFTER, Book, Key, heard, in_order, keys_of_several, read_book
from tests.soak.services import PAGE, TICKET, TIERS_ONLY, document, is_judged, json_of, oldest_waiting_s, paged
from tests.soak.weather import FAST, changing
from tests.support.soak import SOAK

LENGTH = SOAK
KILLS = 25 * LENGTH if LENGTH > 1 else 4
SLOT_S, OFFSET_S = 5.0, 1.0
SLOT = timedelta(seconds=SLOT_S)

PLAIN = tuple(f"plain{number}" for number in range(5))
GUARDED = tuple(f"guarded{number}" for number in range(5))
"""Services whose alerts are tiers and nothing else, and services whose alerts ask for evidence and have patience."""

_log = logging.getLogger(__name__)
_STARTING_S = 1.3
_ENOUGH_PER_MINUTE = 100_000
"""So many messages a minute that there is never a digest: every message is about one alert."""


@pytest.mark.soak
def test_random_kills_lose_and_reorder_no_news(tmp_path: Path) -> None:
    """A service that was killed again and again has told all that it decided, and ends where a spared one does."""
    dice = random.Random(5)
    with _running(tmp_path) as running:
        running.killed.kill()
        with changing(running.shop, (*PLAIN, *GUARDED), dice):
            for _ in range(KILLS):
                _live_and_die(running.killed, dice)
            running.killed.start()
        running.settle()
        active = running.active()
    killed, spared = (read_book(f"sqlite:///{tmp_path}/{name}/sloburn.db") for name in ("killed", "spared"))
    messages = heard(running.sink.received)

    assert set(killed.sent) == {"done"}
    assert in_order(messages) == {key: told for key in killed.keys if (told := killed.told(key))}
    assert not keys_of_several(messages)
    assert not [key for key in killed.keys if not _alternates(killed, key)]
    assert active == killed.in_force
    assert killed.firing == spared.firing
    assert not _unlike(killed, spared)
    _log.info(
        "%d kills; %d transitions, of a spared service %d; %d messages, %d of them repeats; %d judged a slot off",
        KILLS,
        len(killed.transitions),
        len(spared.transitions),
        len(messages),
        len(messages) - len({message.key for message in messages}),
        len(_unlike(killed, spared, tolerance=())),
    )
    # Otherwise all this has shown nothing.
    assert messages
    assert killed.transitions


@dataclass(slots=True, kw_only=True)
class _Running:
    shop: Shop
    pager: Server
    sink: Sink
    killed: Server
    spared: Server

    def settle(self) -> None:
        """Break one half of the shop and mend the other, and wait until both services have said all about it."""
        for services in (PLAIN, GUARDED):
            for number, name in enumerate(services):
                self.shop.breaks(name, failing=FAST if number % 2 else 0.0)
        broken = {f"{name}-availability" for services in (PLAIN, GUARDED) for name in services[1::2]}
        wait_until(lambda: paged(self.killed) == broken and paged(self.spared) == broken)
        wait_until(lambda: oldest_waiting_s(self.killed) == 0)
        # What has ended is told only in the next slot.
        time.sleep(SLOT_S + 2 * OFFSET_S)
        wait_until(lambda: oldest_waiting_s(self.killed) == 0)
        for service in (self.killed, self.spared):
            assert service.stop() == 0

    def active(self) -> set[tuple[Key, datetime | None]]:
        """The alerts that fire at Alertmanager, each with the time since when."""
        return {
            ((alert["labels"]["slo"], alert["labels"]["severity"]), datetime.fromisoformat(alert["startsAt"]))
            for alert in json_of(self.pager, "/api/v2/alerts?active=true")
        }


@contextmanager
def _running(folder: Path) -> Iterator[_Running]:
    """A shop, and two services that watch it; the one to be killed tells a webhook and an Alertmanager."""
    with ExitStack() as stack:
        sink, deaf = stack.enter_context(Sink()), stack.enter_context(Sink())
        # Long enough for a kill to come between a message and its answer.
        sink.delay_s = 0.3
        shop = stack.enter_context(serving_shop((*PLAIN, *GUARDED)))
        pager = stack.enter_context(alertmanager(deaf.url))
        source = stack.enter_context(prometheus(folder / "prometheus", scrape=[("shop", shop.url)]))
        specs = write_documents([_document(name) for name in (*PLAIN, *GUARDED)], folder / "slos")
        hook = {"name": "hook", "webhook": {"url": sink.url}, "per_minute": _ENOUGH_PER_MINUTE}
        config = folder / "sloburn.yaml"
        config.write_bytes(orjson.dumps({"receivers": [hook], "default": ["hook", "alertmanager"]}))
        telling = {**QUICK, "SLOBURN_CONFIG": str(config)}
        killed = stack.enter_context(
            sloburn(source.url, specs, folder / "killed", alertmanager_url=pager.url, env=telling, forked=True)
        )
        spared = stack.enter_context(sloburn(source.url, specs, folder / "spared", env=QUICK, forked=True))
        for name in (*PLAIN, *GUARDED):
            for service in (killed, spared):
                wait_until(partial(is_judged, service, f"{name}-availability"))
        shop.opens()
        yield _Running(shop=shop, pager=pager, sink=sink, killed=killed, spared=spared)


def _live_and_die(service: Server, dice: random.Random) -> None:
    """One life, which ends while it starts, around a tick and the messages that follow it, or anywhere."""
    service.launch()
    began = time.time()
    tick = ((began + _STARTING_S - OFFSET_S) // SLOT_S + 1) * SLOT_S + OFFSET_S
    ends = dice.choices(
        [began + dice.uniform(0, _STARTING_S), tick + dice.uniform(-0.05, 0.8), began + dice.uniform(1, 6)],
        weights=[20, 65, 15],
    )
    time.sleep(max(ends[0] - time.time(), 0.0))
    assert service.running, service.log[-3000:]
    service.kill()


def _alternates(book: Book, key: Key) -> bool:
    statuses = [news.status for news in book.told(key)]
    return statuses == [("firing", "resolved")[number % 2] for number in range(len(statuses))]


def _unlike(killed: Book, spared: Book, tolerance: tuple[timedelta, ...] = (-SLOT, SLOT)) -> list[object]:
    """What the killed service has decided otherwise than the spared one in the same slot.

    The alerts of plain services depend on that slot alone. A slot on which a threshold is crossed may be judged by a
    sample more, or less, where it is asked for at another moment.
    """
    return [
        one
        for one in killed.transitions
        if one.kind in FIRES_AFTER
        and one.slo.startswith("plain")
        and not any(
            spared.fires((one.slo, one.severity.value), one.at + off) == FIRES_AFTER[one.kind]
            for off in (timedelta(0), *tolerance)
        )
    ]


def _document(service: str) -> dict[str, Any]:
    if service in GUARDED:
        return document(service, {"page": {**PAGE, "keep_firing_for": "10s"}, "ticket": {**TICKET, "for": "10s"}})
    return document(service, TIERS_ONLY)
