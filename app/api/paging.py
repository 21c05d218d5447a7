"""Pages of SLOs: sorted by id, and a cursor that stands for the last id of a page.

The cursor stays good while SLOs come and go: the next page starts behind the id, whether that is still there or not.
"""

import base64
import binascii
from collections.abc import Iterable

from app.api.problems import invalid
from app.slo import SloId
from app.status import Snapshot


def page(snapshots: Iterable[Snapshot], *, limit: int, cursor: str | None) -> tuple[list[Snapshot], str | None]:
    """One page, and the cursor of the next; None behind the last."""
    after = "" if cursor is None else _decode(cursor)
    rest = sorted((snapshot for snapshot in snapshots if snapshot.id > after), key=lambda snapshot: snapshot.id)
    items = rest[:limit]
    return items, _encode(items[-1].id) if len(rest) > limit else None


def _encode(slo_id: SloId) -> str:
    return base64.urlsafe_b64encode(slo_id.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise invalid("next is not a cursor of an earlier page") from error
