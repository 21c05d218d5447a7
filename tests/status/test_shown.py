"""What a replica writes of its SLOs and another shows: the same snapshots, to the last figure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.budget.forecast import Interval, Outlook
from app.slo import Slo, SloId
from app.status import DataState, Progress, Snapshot
from app.status.shown import ShownSlos, decode_shown, encode_shown
from tests.support.snapshots import a_snapshot, an_slo, an_unmeasured_snapshot

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUTLOOK = Outlook(
    at=AT,
    until=AT + timedelta(days=30),
    earliest=None,
    expected=AT + timedelta(days=3),
    latest=None,
    chance=0.5,
    remaining=Interval(low=-0.5, median=0.1, high=float("nan")),
    allowed_burn_rate=float("nan"),
    allowed_bad_ratio=0.001,
    background_burn_rate=0.1,
    events_per_day=1e6,
    incidents_per_month=float("inf"),
    incident_share=float("nan"),
    incident_goes_on=False,
    history=timedelta(days=30),
)


def _read(*snapshots: Snapshot, slos: list[Slo] | None = None) -> ShownSlos:
    shown = ShownSlos(at=AT, snapshots=snapshots, histories={one.id: ("key", 1, True) for one in snapshots})
    known = {slo.id: slo for slo in (slos or [one.slo for one in snapshots])}
    return decode_shown(encode_shown(shown), AT, known)


@pytest.mark.parametrize(
    "snapshot",
    [
        a_snapshot(),
        an_unmeasured_snapshot(),
        replace(a_snapshot(), forecast=OUTLOOK, counted=a_snapshot(bad=3.0)),
        replace(a_snapshot(), backfill=Progress(done_hours=1.0, wanted_hours=2.0), refused_members=3),
        a_snapshot(an_slo(by=("route",)), group=(("route", 'a/"ü\n'),)),
    ],
)
def test_a_snapshot_is_shown_as_it_was_written(snapshot: Snapshot) -> None:
    (read,) = _read(snapshot).snapshots
    # NaN equals nothing; what is printed of it does. UTC has two names.
    assert repr(read).replace("TzInfo(0)", "datetime.timezone.utc") == repr(snapshot)
    assert read.slo is snapshot.slo


def test_an_slo_that_these_documents_do_not_have_is_left_out() -> None:
    here, gone = an_slo("here"), an_slo("gone")
    shown = _read(a_snapshot(here), a_snapshot(gone), slos=[here])
    assert [one.id for one in shown.snapshots] == [here.id]


def test_figures_of_a_replica_that_is_away_are_stale() -> None:
    assert {one.data for one in _read(a_snapshot()).as_stale().snapshots} == {DataState.STALE}


def test_what_is_damaged_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        decode_shown(b"nothing", AT, {SloId("a"): an_slo()})
    body = encode_shown(ShownSlos(at=AT, snapshots=[a_snapshot()]))
    with pytest.raises(ValueError, match="cannot be read"):
        decode_shown(body[:-8], AT, {})
