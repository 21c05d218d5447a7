"""Lists of what belongs to tenants, on both databases: of those that are asked for and of no other."""

from collections.abc import Sequence
from dataclasses import replace

from app.slo import Tenants, tenant_of
from app.store import Database
from app.store.alerts import TransitionFilter, list_transitions
from app.store.changes import ChangeFilter, list_changes
from app.store.dead_letters import dead_letters
from app.store.gate import DecisionFilter, list_decisions
from app.store.incidents import IncidentFilter, list_incidents
from app.store.policies import PolicyChange, append_policy_changes, list_policy_changes
from tests.support.snapshots import AS_OF
from tests.support.tenants import ASKS, OTHER, two_tenants


def listed(database: Database, tenants: Tenants | None) -> dict[str, set[str]]:
    """Whose rows each list has."""
    with database.read() as tx:
        found: dict[str, Sequence[str]] = {
            "incidents": [one.slo for one in list_incidents(tx, IncidentFilter(tenants=tenants), limit=100)],
            "transitions": [one.slo for _, one in list_transitions(tx, TransitionFilter(tenants=tenants), limit=100)],
            "changes": [one.service for one in list_changes(tx, ChangeFilter(tenants=tenants), limit=100)],
            "decisions": [one.service for _, one in list_decisions(tx, DecisionFilter(tenants=tenants), limit=100)],
            "states": [one.slo for _, one in list_policy_changes(tx, tenants=tenants, limit=100)],
            "dead letters": [one.alert_key for one in dead_letters(tx, tenants=tenants)],
        }
    return {name: {tenant_of(one) for one in ids} for name, ids in found.items()}


def test_each_list_has_what_belongs_to_the_tenants_of_who_reads(database: Database) -> None:
    two_tenants(database)
    change = PolicyChange(
        at=AS_OF, slo="", service="", policy="default", before=None, state="exhausted", remaining=-0.1
    )
    with database.begin() as tx:
        append_policy_changes(tx, [replace(change, slo=f"{tenant}/checkout-availability") for tenant in (ASKS, OTHER)])
    # What those of LIKE and of a case would take for a name of the tenant, too.
    for tenants in ({ASKS}, {OTHER}, {ASKS, OTHER}, set(), {"Acme"}, {"acm"}, {"acme%"}, {"acm_"}, {"%"}):
        of_each = listed(database, frozenset(tenants))
        assert of_each == dict.fromkeys(of_each, tenants & {ASKS, OTHER}), tenants
    assert set(map(frozenset, listed(database, None).values())) == {frozenset({ASKS, OTHER})}
