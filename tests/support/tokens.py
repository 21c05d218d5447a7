"""API tokens that were made."""

from datetime import timedelta

from app.access import AccessScope, NewToken, scope_list
from app.status import made_token
from app.store.api_tokens import add_token
from tests.support.api import Served


def token_of(
    served: Served, *scopes: AccessScope, services: tuple[str, ...] = (), name: str = "", tenant: str = ""
) -> str:
    """A token with scopes, for 90 days, in the database of an application; its name is by default that of these."""
    at = served.clock.now()
    wanted = NewToken(
        name=name or " ".join(scope_list(scopes)),
        scopes=frozenset(scopes),
        services=services,
        tenant=tenant,
        expires_at=at + timedelta(days=90),
    )
    made = made_token(wanted, at=at)
    with served.incidents.database.begin() as transaction:
        add_token(transaction, made.token)
    return made.text
