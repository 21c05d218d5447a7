"""Forms of pages ask for the scope of what they change, as the routes of the API do."""

import pytest
from fastapi.testclient import TestClient

from app.access import AccessScope
from app.api.needs import declared_needs
from tests.support.api import Served
from tests.support.boards import board
from tests.support.incidents import KeptIncidents, burning
from tests.support.sites import a_served, site_of
from tests.support.snapshots import a_snapshot
from tests.support.tokens import token_of

_FORMS = {
    path: needs
    for path, method, needs in declared_needs(site_of(a_served(board([a_snapshot()]))))
    if method == "post" and needs.scopes and not path.startswith(("/api/", "/-/"))
}


@pytest.fixture
def served() -> Served:
    """A service without a token of the settings."""
    incidents = KeptIncidents()
    incidents.record(burning("5f2d"))
    return a_served(board([a_snapshot()]), token=None, incidents=incidents)


def test_a_form_changes_something_only_with_a_token_of_its_scope(served: Served) -> None:
    others = {scope: token_of(served, *(set(AccessScope) - {scope, AccessScope.ADMIN})) for scope in AccessScope}
    right = {scope: token_of(served, scope) for scope in (AccessScope.ADJUST, AccessScope.RELOAD)}
    http = TestClient(site_of(served), follow_redirects=False, raise_server_exceptions=False)
    assert len(_FORMS) >= 11

    for path, needs in _FORMS.items():
        (scope,) = needs.scopes
        url = path.format(id="5f2d")
        for token, statuses in (("", {401, 403}), (others[scope], {403}), ("guess", {401})):
            answer = http.post(url, data={"token": token})
            assert (answer.status_code in statuses, token in answer.text and token != "") == (True, False), url
        assert http.post(url, data={"token": right[scope]}).status_code not in {401, 403}, url
    # Of the reloads that were sent one was allowed.
    assert served.reloader.reloads == 1
