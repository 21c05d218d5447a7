"""Three replicas on one PostgreSQL, killed, frozen, restarted and cut off while incidents come and go.

Their counts are the truth, their alerts do what those of an undisturbed process do, and everything is told, each under
a key of its own. `SLOBURN_SOAK` says how long: 2 disturbances in `make test`, 200 in `make soak`.

In `make soak` PostgreSQL suffers too: it is restarted, its disk is full, and a standby takes its place. One replica is
behind PgBouncer in a network of its own, which loses every packet where it is cut; the others' connections are ended.
"""

import logging
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import orjson
import psycopg
import pytest

from testbed.servers import prometheus
from testbed.service import Server, sloburn, write_documents
from testbed.shop import Shop, serving_shop
from testbed.sink import Received, Sink
from testbed.stack import QUICK, look
from testbed.tcp_proxy import TcpProxy
from testbed.waiting import wait_until
from tests.soak.news import FIRES_AFTER, Book, Heard, Key, News, heard, keys_of_several, read_book
from tests.soak.services import TIERS_ONLY, document, is_judged, oldest_waiting_s, paged
from tests.soak.weather import FAST, changing
from tests.support.network import namespace
from tests.support.pgbouncer import pgbouncer
from tests.support.postgres import Postgres
from tests.support.postgres_pair import PostgresPair, postgres_pair
from tests.support.soak import IS_SOAK, SEED, SOAK

DISTURBANCES = 10 * SOAK if IS_SOAK else 2
SLOT = timedelta(seconds=5)
SERVICES = tuple(f"plain{number}" for number in range(12))
REPLICAS = 3
_ENOUGH_PER_MINUTE = 100_000
# A lease lasts a slot of five seconds: shorter freezes are pauses, longer ones lose shards.
_FROZEN_S = (1.0, 14.0)
# A restart takes a second; one that waits for a disk takes longer.
_AWAY_S = (0.0, 10.0)
# Two slots are promised; a third, since a slot on which a threshold is crossed may be judged by a sample more or less.
_LATE = 3

_log = logging.getLogger(__name__)


@pytest.mark.soak
def test_replicas_that_die_freeze_and_are_cut_off_lose_nothing(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    done: Counter[str] = Counter()
    with ExitStack() as stack:
        pair = stack.enter_context(postgres_pair()) if IS_SOAK else None
        server: Postgres = request.getfixturevalue("postgres_server") if pair is None else pair.primary
        running = stack.enter_context(_running(tmp_path, server, pair))
        with changing(running.shop, SERVICES, dice):
            for _ in range(DISTURBANCES):
                name, disturb = dice.choice(running.disturbances)
                done[name] += 1
                _log.warning("disturbance %d: %s", done.total(), name)
                disturb(dice)
                time.sleep(dice.uniform(0.0, 2 * SLOT.total_seconds()))
                running.revive()
        running.settle()
        counted = running.counts()
        for one in (*running.replicas, running.spared):
            assert one.stop() == 0, one.log[-3000:]
        replicas, spared = read_book(running.url), read_book(f"sqlite:///{tmp_path}/spared/sloburn.db")
    messages = [replace(one, news=_without_end(one.news)) for one in heard(running.sink.received)]
    unlike = [*_unlike(replicas, spared, running.away), *_unlike(spared, replicas, running.away)]
    told = {key: [_without_end(one) for one in news] for key in replicas.keys if (news := replicas.told(key))}
    first = _first_of_each_key(messages)
    _log.warning(
        "%s; %d transitions, of an undisturbed process %d; %d messages, %d of them repeats; %d not in the same slot",
        dict(done),
        len(replicas.transitions),
        len(spared.transitions),
        len(messages),
        len(messages) - len(first),
        len(unlike),
    )
    heard_of = {key: [one.news for one in first if one.alert == key] for key in told}
    unheard = {key: (heard_of[key], told[key]) for key in told if heard_of[key] != told[key]}
    for key, (came, wanted) in unheard.items():
        _log.warning(
            "%s: came and was not decided: %s; was decided and did not come: %s; in order: %s",
            key,
            [one for one in came if one not in wanted],
            [one for one in wanted if one not in came],
            [one for one in came if one in wanted] == [one for one in wanted if one in came],
        )
    _log.warning(
        "how late messages came, in seconds after their slot: %s", _lateness(running.sink.received, running.away)
    )
    _log.warning("the database was away: %s", running.away)
    apart = [one for one in unlike if not one.is_close]
    _log.warning("transitions of one only: %s", apart)
    _log.warning("fire at the end: %s, in an undisturbed process: %s", replicas.firing, spared.firing)

    assert counted == {name: [counted[name][0]] * (REPLICAS + 1) for name in SERVICES}
    assert {name: counted[name][0] for name in SERVICES} == running.truth()
    assert set(replicas.sent) == {"done"}
    assert not keys_of_several(messages)
    assert not unheard
    assert replicas.firing == spared.firing
    assert not apart
    assert not [one.name for one in running.replicas if "Traceback" in one.log]
    # Otherwise all this has shown nothing.
    assert messages
    assert replicas.transitions


def _lateness(received: Sequence[Received], away: Sequence[tuple[datetime, datetime]]) -> str:
    """How long after the ends of their slots messages came, the first of each key, while the database was there."""
    firsts: dict[str, float] = {}
    for came, one in zip(received, heard(received), strict=True):
        slot = one.news.ends_at or one.news.starts_at
        if not any(since - _LATE * SLOT <= slot <= until + _LATE * SLOT for since, until in away):
            firsts.setdefault(one.key, came.at - slot.timestamp())
    late_s = sorted(firsts.values()) or [0.0]
    return f"half within {median(late_s):.1f}, the latest {', '.join(f'{one:.1f}' for one in late_s[-5:])}"


def _without_end(news: News) -> News:
    """The news without the time of an end: each alert that fires ends once, under one key.

    While the database is away, a replica sends the end that it sees from memory. If it dies before the database is
    back, another one decides that end again, and may do so in another slot.
    """
    return replace(news, ends_at=None)


@dataclass(slots=True, kw_only=True)
class _Running:
    shop: Shop
    sink: Sink
    server: Postgres
    database: str
    pair: PostgresPair | None
    replicas: Sequence[Server]
    proxies: Sequence[TcpProxy]
    cuts: Sequence[Callable[[], AbstractContextManager[None]]]
    spared: Server
    away: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The database, wherever it is now."""
        return (self.server if self.pair is None else self.pair.primary).database_url(self.database)

    @property
    def disturbances(self) -> Sequence[tuple[str, Callable[[random.Random], None]]]:
        """What may happen to one of the replicas, and to a database of their own."""
        one = (("kill", self._kill), ("freeze", self._freeze), ("restart", self._restart), ("cut", self._cut))
        if self.pair is None:
            return one
        of_database = (
            ("restart of the database", partial(self._restart_database, self.pair)),
            ("full disk of the database", partial(self._fill_disk, self.pair)),
            ("failover of the database", partial(self._fail_over, self.pair)),
        )
        return (*one, *of_database)

    @contextmanager
    def _without_database(self, pair: PostgresPair) -> Iterator[None]:
        """Note how long the database cannot be written."""
        since = datetime.now(UTC)
        try:
            yield
        finally:
            wait_until(partial(_can_be_written, pair), lambda: pair.primary.log[-3000:])
            self.away.append((since, datetime.now(UTC)))

    def _restart_database(self, pair: PostgresPair, dice: random.Random) -> None:
        with self._without_database(pair):
            pair.primary.stop()
            time.sleep(dice.uniform(*_AWAY_S))
            pair.primary.start()

    def _fill_disk(self, pair: PostgresPair, dice: random.Random) -> None:
        with self._without_database(pair):
            disk = pair.disks[0]
            disk.fill(pair.primary)
            time.sleep(dice.uniform(*_FROZEN_S))
            disk.free(pair.primary)
            time.sleep(1.0)
            pair.revive()

    def _fail_over(self, pair: PostgresPair, dice: random.Random) -> None:
        del dice
        with self._without_database(pair):
            port = pair.fail_over().port
            for proxy in self.proxies:
                proxy.lead_to(port)
            pair.attach()

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
        # Without the database it ends with an error while it starts; by the signal itself where it has hardly begun.
        assert server.stop() in {0, 2, -signal.SIGTERM}, server.log[-3000:]
        server.launch()

    def _cut(self, dice: random.Random) -> None:
        with dice.choice(self.cuts)():
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
def _running(folder: Path, server: Postgres, pair: PostgresPair | None) -> Iterator[_Running]:
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
        database = url.rpartition("/")[2]
        ways = [_way(stack, server, is_pooled=pair is not None and number == 1) for number in range(REPLICAS)]
        replicas = [
            stack.enter_context(
                sloburn(
                    source.url,
                    specs,
                    folder / f"replica{number}",
                    env={
                        **QUICK,
                        "SLOBURN_CONFIG": str(config),
                        "SLOBURN_DATABASE_URL": f"postgresql+psycopg://sloburn@{way.host}:{way.port}/{database}",
                    },
                    forked=True,
                )
            )
            for number, way in enumerate(ways)
        ]
        spared = stack.enter_context(sloburn(source.url, specs, folder / "spared", env=QUICK, forked=True))
        for name in SERVICES:
            for one in (*replicas, spared):
                wait_until(partial(_is_judged, one, f"{name}-availability"), lambda: replicas[0].log[-3000:])
        shop.opens()
        yield _Running(
            shop=shop,
            sink=sink,
            server=server,
            database=database,
            pair=pair,
            replicas=replicas,
            proxies=[way.proxy for way in ways],
            cuts=[way.cut for way in ways],
            spared=spared,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How a replica gets at its database: *proxy* is on it, and *cut* is what cuts it."""

    host: str
    port: int
    proxy: TcpProxy
    cut: Callable[[], AbstractContextManager[None]]


def _way(stack: ExitStack, server: Postgres, *, is_pooled: bool) -> _Way:
    """A way to a server; *is_pooled*: by PgBouncer, in a network of its own if this machine lets us make one."""
    if not is_pooled:
        proxy = stack.enter_context(TcpProxy(server.port))
        return _Way(host="127.0.0.1", port=proxy.port, proxy=proxy, cut=proxy.cut)
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="sloburn-pgbouncer-")))
    try:
        network = stack.enter_context(namespace())
    except (OSError, subprocess.CalledProcessError) as error:
        _log.warning("no network of its own (%s): connections are ended where it is cut", error)
        proxy = stack.enter_context(TcpProxy(server.port))
        pooler = stack.enter_context(pgbouncer(folder / "pooler", server=("127.0.0.1", proxy.port)))
        return _Way(host="127.0.0.1", port=pooler.port, proxy=proxy, cut=proxy.cut)
    proxy = stack.enter_context(TcpProxy(server.port, host=network.outside))
    pooler = stack.enter_context(
        pgbouncer(
            folder / "pooler",
            server=(network.outside, proxy.port),
            listen=network.inside,
            prefix=network.prefix,
        )
    )
    return _Way(host=network.inside, port=pooler.port, proxy=proxy, cut=network.cut)


def _can_be_written(pair: PostgresPair) -> bool:
    try:
        pair.primary.execute("CREATE TABLE IF NOT EXISTS written (at int); INSERT INTO written VALUES (1)")
    except psycopg.Error:
        return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unlike:
    key: Key
    what: object
    is_close: bool


def _unlike(one: Book, other: Book, away: Sequence[tuple[datetime, datetime]]) -> list[_Unlike]:
    """What one book has decided otherwise than the other in the same slot.

    What was decided within some slots of it is close: a replica that dies is replaced within two, and as long as the
    database is *away* none takes the place of another. What lasted no longer need not be in the other at all.
    """
    found = []
    for what in one.transitions:
        key = (what.slo, what.severity.value)
        if what.kind not in FIRES_AFTER or other.fires(key, what.at) == FIRES_AFTER[what.kind]:
            continue
        late = _LATE + sum(
            -(-(until - since) // SLOT) for since, until in away if since - 2 * SLOT <= what.at <= until + _LATE * SLOT
        )
        near = [what.at + number * SLOT for number in range(-late, late + 1)]
        is_close = any(other.fires(key, at) == FIRES_AFTER[what.kind] for at in near)
        lasted = all(one.fires(key, at) == FIRES_AFTER[what.kind] for at in near if at >= what.at)
        found.append(_Unlike(key=key, what=what, is_close=is_close or not lasted))
    return found


def _first_of_each_key(messages: Sequence[Heard]) -> list[Heard]:
    """As a receiver sees them that knows keys: what comes again is nothing new."""
    firsts: dict[str, Heard] = {}
    for message in messages:
        firsts.setdefault(message.key, message)
    return list(firsts.values())


def _is_judged(service: Server, slo_id: str) -> bool:
    with suppress(httpx.HTTPError):
        return is_judged(service, slo_id)
    return False


def _events(service: Server, slo_id: str) -> float:
    with suppress(httpx.HTTPError):
        return float(look(service, slo_id)["events"]["total"])
    return -1.0
