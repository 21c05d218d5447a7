"""Three replicas on one PostgreSQL, killed, frozen, restarted and cut off while incidents come and go.

Their counts are the truth, their alerts do what those of an undisturbed process do, and everything is told, each under
a key of its own. `SLOBURN_SOAK` says how long: 2 disturbances in `make test`, 200 in `make soak`.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest

from testbed.servers import prometheus
from testbed.service import Server, sloburn, write_documents
from testbed.shop import Shop, serving_shop
from testbed.sink import Sink
from testbed.stack import QUICK, look
from testbed.tcp_proxy import TcpProxy
from testbed.waiting import wait_until
from tests.soak.news import FIRES_AFTER, Book, Heard, Key, heard, keys_of_several, read_book
from tests.soak.services import TIERS_ONLY, document, is_judged, oldest_waiting_s, paged
from tests.soak.weather import FAST, changing
from tests.support.postgres import Postgres
from tests.support.soak import SOAK

DISTURBANCES = 10 * SOAK if SOAK > 1 else 2
SLOT = timedelta(seconds=5)
SERVICES = tuple(f"plain{number}" for number in range(12))
REPLICAS = 3
_ENOUGH_PER_MINUTE = 100_000
# A lease lasts a slot of five seconds: shorter freezes are pauses, longer ones lose shards.
_FROZEN_S = (1.0, 14.0)
# Two slots are promised; a third, since a slot on which a threshold is crossed may be judged by a sample more or less.
_LATE = 3

_log = logging.getLogger(__name__)


@pytest.mark.soak
def test_replicas_that_die_freeze_and_are_cut_off_lose_nothing(postgres_server: Postgres, tmp_path: Path) -> None:
    dice = random.Random(7)
    done: Counter[str] = Counter()
    with _running(tmp_path, postgres_server) as running:
        with changing(running.shop, SERVICES, dice):
            for _ in range(DISTURBANCES):
                name, disturb = dice.choice(running.disturbances)
                done[name] += 1
                disturb(dice)
                time.sleep(dice.uniform(0.0, 2 * SLOT.total_seconds()))
                running.revive()
        running.settle()
        counted = running.counts()
    replicas, spared = read_book(running.url), read_book(f"sqlite:///{tmp_path}/spared/sloburn.db")
    messages = heard(running.sink.received)
    unlike = _unlike(replicas, spared)
    told = {key: news for key in replicas.keys if (news := replicas.told(key))}
    first = _first_of_each_key(messages)

    assert counted == {name: [counted[name][0]] * (REPLICAS + 1) for name in SERVICES}
    assert {name: counted[name][0] for name in SERVICES} == running.truth()
    assert set(replicas.sent) == {"done"}
    assert not keys_of_several(messages)
    assert {key: [one.news for one in first if one.alert == key] for key in told} == told
    assert replicas.firing == spared.firing
    assert not [one for one in unlike if not one.is_close]
    _log.warning(
        "%s; %d transitions, of an undisturbed process %d; %d messages, %d of them repeats; %d judged a slot off",
        dict(done),
        len(replicas.transitions),
        len(spared.transitions),
        len(messages),
        len(messages) - len(first),
        len(unlike),
    )
    assert not [one.name for one in running.replicas if "Traceback" in one.log]
    # Otherwise all this has shown nothing.
    assert messages
    assert replicas.transitions


@dataclass(slots=True, kw_only=True)
class _Running:
    shop: Shop
    sink: Sink
    url: str
    replicas: Sequence[Server]
    proxies: Sequence[TcpProxy]
    spared: Server

    @property
    def disturbances(self) -> Sequence[tuple[str, Callable[[random.Random], None]]]:
        """What may happen to one of the replicas."""
        return (("kill", self._kill), ("freeze", self._freeze), ("restart", self._restart), ("cut", self._cut))

    def _kill(self, dice: random.Random) -> None:
        server = dice.choice(self.replicas)
        server.kill()
        time.sleep(dice.uniform(0.0, 1.5 * SLOT.total_seconds()))
        server.launch()

    def _freeze(self, dice: random.Random) -> None:
        server = dice.choice(self.replicas)
        server.pause()
        time.sleep(dice.uniform(*_FROZEN_S))
        server.resume()

    def _restart(self, dice: random.Random) -> None:
        server = dice.choice(self.replicas)
        # Not to be found in the database, it ends with an error while it starts.
        assert server.stop() in {0, 2}, server.log[-3000:]
        server.launch()

    def _cut(self, dice: random.Random) -> None:
        with dice.choice(self.proxies).cut():
            time.sleep(dice.uniform(*_FROZEN_S))

    def revive(self) -> None:
        """Start again what has ended since its database could not be reached at its start, as Kubernetes would."""
        for server in self.replicas:
            if not server.running:
                server.launch()

    def settle(self) -> None:
        """Break half of the shop and mend the other, and wait until everything has been said about it."""
        for number, name in enumerate(SERVICES):
            self.shop.breaks(name, failing=FAST if number % 2 else 0.0)
        broken = {f"{name}-availability" for name in SERVICES[1::2]}
        every = (*self.replicas, self.spared)
        for server in self.replicas:
            self.revive()
            server.wait_ready()
        wait_until(
            lambda: all(paged(one) == broken for one in every),
            lambda: f"{[sorted(paged(one)) for one in every]}, {[one.log[-1500:] for one in every]}",
        )
        self.shop.closes()
        truth = self.truth()
        with suppress(TimeoutError):
            wait_until(lambda: all(set(all_) == {truth[name]} for name, all_ in self.counts().items()))
        wait_until(lambda: oldest_waiting_s(self.replicas[0]) == 0)
        # What has ended is told only in the next slot.
        time.sleep(2 * SLOT.total_seconds())
        wait_until(lambda: oldest_waiting_s(self.replicas[0]) == 0)

    def truth(self) -> dict[str, float]:
        """All requests of each service."""
        return {name: self.shop.truth(name).total for name in SERVICES}

    def counts(self) -> dict[str, list[float]]:
        """The events of each service as every replica, and the undisturbed process, shows them."""
        return {
            name: [_events(one, f"{name}-availability") for one in (*self.replicas, self.spared)] for name in SERVICES
        }


@contextmanager
def _running(folder: Path, server: Postgres) -> Iterator[_Running]:
    """A shop, three replicas that watch it, and one undisturbed process with a database of its own."""
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        sink.delay_s = 0.1
        shop = stack.enter_context(serving_shop(SERVICES))
        source = stack.enter_context(prometheus(folder / "prometheus", scrape=[("shop", shop.url)]))
        specs = write_documents([document(name, TIERS_ONLY) for name in SERVICES], folder / "slos")
        hook = {"name": "hook", "webhook": {"url": sink.url}, "per_minute": _ENOUGH_PER_MINUTE}
        config = folder / "sloburn.yaml"
        config.write_bytes(orjson.dumps({"receivers": [hook], "default": ["hook"]}))
        url = server.new_database()
        proxies = [stack.enter_context(TcpProxy(server.port)) for _ in range(REPLICAS)]
        replicas = [
            stack.enter_context(
                sloburn(
                    source.url,
                    specs,
                    folder / f"replica{number}",
                    env={
                        **QUICK,
                        "SLOBURN_CONFIG": str(config),
                        "SLOBURN_DATABASE_URL": url.replace(f":{server.port}/", f":{proxy.port}/"),
                    },
                    forked=True,
                )
            )
            for number, proxy in enumerate(proxies)
        ]
        spared = stack.enter_context(sloburn(source.url, specs, folder / "spared", env=QUICK, forked=True))
        for name in SERVICES:
            for one in (*replicas, spared):
                wait_until(partial(_is_judged, one, f"{name}-availability"), lambda: replicas[0].log[-3000:])
        shop.opens()
        yield _Running(shop=shop, sink=sink, url=url, replicas=replicas, proxies=proxies, spared=spared)
        for one in (*replicas, spared):
            assert one.stop() == 0, one.log[-3000:]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unlike:
    key: Key
    what: object
    is_close: bool


def _unlike(replicas: Book, spared: Book) -> list[_Unlike]:
    """What the replicas have decided otherwise than the undisturbed process in the same slot.

    What was decided within some slots of it is close: a replica that dies is replaced within two.
    """
    found = []
    for one in replicas.transitions:
        key = (one.slo, one.severity.value)
        if one.kind not in FIRES_AFTER or spared.fires(key, one.at) == FIRES_AFTER[one.kind]:
            continue
        near = (one.at + number * SLOT for number in range(-_LATE, _LATE + 1))
        is_close = any(spared.fires(key, at) == FIRES_AFTER[one.kind] for at in near)
        found.append(_Unlike(key=key, what=one, is_close=is_close))
    return found


def _first_of_each_key(messages: Sequence[Heard]) -> list[Heard]:
    """As a receiver sees them that knows keys: what comes again is nothing new."""
    return list({message.key: message for message in reversed(messages)}.values())[::-1]


def _is_judged(service: Server, slo_id: str) -> bool:
    with suppress(httpx.HTTPError):
        return is_judged(service, slo_id)
    return False


def _events(service: Server, slo_id: str) -> float:
    with suppress(httpx.HTTPError):
        return float(look(service, slo_id)["events"]["total"])
    return -1.0
