"""Which SLO a path names: ids of group members may have slashes, and may end as another route does."""

from collections.abc import Sequence

from fastapi import Request

from app.api.problems import ProblemError, not_found
from app.slo import SloId
from app.status import Board, BoardContent, Snapshot

SLOS = "/api/v1/slos"


def find_snapshot(board: Board, slo_id: SloId) -> Snapshot:
    """The newest snapshot of an SLO, or of one member of its group.

    Raises:
        ProblemError: it is not known.
    """
    known = board.current
    snapshot = known.find(slo_id)
    if snapshot is None:
        raise _unknown(known, slo_id)
    return snapshot


def find_members(board: Board, slo_id: SloId) -> Sequence[Snapshot]:
    """The snapshots of all members of a group, or that of the SLO or member itself.

    Raises:
        ProblemError: it is not known.
    """
    known = board.current
    members = known.members_of(slo_id)
    if not members:
        raise _unknown(known, slo_id)
    return members


def asks_for(request: Request, below: str) -> bool:
    """Whether a request is for what is *below* an SLO, such as ``/history``, and not for an id that ends like it."""
    # The id of a group may end in "/history" itself, perhaps with a line break behind it; only the undecoded path
    # distinguishes it from the history of a shorter id.
    raw: bytes = request.scope["raw_path"]
    return raw.endswith(below.encode())


def whole_id(request: Request) -> SloId:
    """The id that is all of the path."""
    _, _, slo_id = request.scope["path"].partition(f"{SLOS}/")
    return SloId(slo_id)


def _unknown(known: BoardContent, slo_id: SloId) -> ProblemError:
    members = known.members_of(slo_id)
    if members:
        return not_found(f"{slo_id!r} has groups: ask for one of its members, such as {members[0].id!r}")
    return not_found(f"no SLO has the id {slo_id!r}")
