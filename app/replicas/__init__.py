"""Who evaluates what where several replicas share a database (ADR-0089): shards, their leases, and a plan.

Pure: the table of the leases is in `app.store.shards`, and `app.service.replica` takes and gives back shards by it.
"""

from app.replicas.leases import Lease, LeaseTerm, released, renewed, taken
from app.replicas.plan import Plan, plan
from app.replicas.shards import ALL_SHARDS, SERVICE_SHARD, SLO_SHARDS, Share, owners_of, shards_of

__all__ = [
    "ALL_SHARDS",
    "SERVICE_SHARD",
    "SLO_SHARDS",
    "Lease",
    "LeaseTerm",
    "Plan",
    "Share",
    "owners_of",
    "plan",
    "released",
    "renewed",
    "shards_of",
    "taken",
]
