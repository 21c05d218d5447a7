"""Somebody deletes the database of a running service."""

from pathlib import Path

from testbed.stack import stack
from testbed.timeline import Sight, page

CHECKOUT = "checkout-availability"


def test_pages_go_out_while_the_database_is_gone_and_all_is_well_when_it_is_back(tmp_path: Path) -> None:
    """It is said, nothing is made in its place, and the page goes out of memory."""
    with stack(tmp_path, services=("checkout",)) as running:
        database = tmp_path / "service" / "sloburn.db"
        line = running.timeline
        line.at(0, lambda: database.rename(tmp_path / "away.db"))
        gone = line.want(0, running.is_unhealthy("was deleted while in use"))
        line.want(0, Sight("not ready", lambda: running.get("/-/ready").status_code == 503), after=gone)
        line.at(0, lambda: running.shop.breaks("checkout"), after=gone)
        fired = line.want(1, page(CHECKOUT), after=gone)
        line.at(0, lambda: (tmp_path / "away.db").rename(database), after=fired)
        line.want(1, running.is_healthy(), after=fired)
        line.want(1, Sight("ready", lambda: running.get("/-/ready").status_code == 200), after=fired)
        line.run()
        assert fired.alert["annotations"].get("durability") == "degraded"
        assert "Traceback" not in running.service.log
