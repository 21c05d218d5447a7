"""Reports of changes as each tool sends them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.changes import (
    Change,
    ChangeKind,
    ChangeStatus,
    IgnoredChange,
    MalformedChangeError,
    Received,
    change_title,
    concerns,
    read_change,
)
from app.changes.cdevents import version_of

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHA = "0123456789abcdef0123456789abcdef01234567"
GITHUB = {
    "deployment": {
        "id": 7,
        "sha": SHA,
        "ref": "main",
        "created_at": "2026-03-01T11:29:00Z",
        "creator": {"login": "ada"},
    },
    "deployment_status": {
        "state": "success",
        "environment": "production",
        "log_url": "https://github.com/example/checkout/actions/runs/1",
        "created_at": "2026-03-01T11:31:00Z",
    },
    "repository": {"name": "checkout", "full_name": "example/checkout"},
}
GITLAB = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": "2026-03-01 12:31:00 +0100",
    "deployment_id": 15,
    "environment": "production",
    "project": {"name": "The Checkout", "path_with_namespace": "shop/checkout"},
    "short_sha": "279484c0",
    "user": {"username": "ada"},
}
CDEVENT = {
    "context": {
        "specversion": "0.5.0",
        "id": "271069a8",
        "source": "/argo/1",
        "type": "dev.cdevents.service.deployed.0.2.0",
        "timestamp": "2026-03-01T11:31:00Z",
    },
    "subject": {
        "id": "/namespace/shop/checkout",
        "content": {"environment": {"id": "production"}, "artifactId": "pkg:oci/checkout@sha256%3Aabc?tag=v1.4.2"},
    },
}
PAGERDUTY = {
    "routing_key": "samplekeyhere",
    "payload": {
        "summary": "Build success: v1.4.2",
        "timestamp": "2026-03-01T11:31:00.000+0000",
        "source": "checkout",
        "custom_details": {"version": "v1.4.2", "environment": "production"},
    },
    "links": [{"href": "https://ci.example.org/1", "text": "build"}],
}
ARGOCD = {
    "service": "checkout",
    "revision": SHA,
    "phase": "Succeeded",
    "finished_at": "2026-03-01T11:31:00Z",
    "namespace": "production",
}
PLAIN = {
    "service": "checkout",
    "version": "v1.4.2",
    "environment": "production",
    "finished_at": "2026-03-01T11:31:00Z",
}


def read(body: Any, **headers: str) -> Change | IgnoredChange:
    return read_change(Received(headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body), at=AT)


def a_change(body: Any, **headers: str) -> Change:
    found = read(body, **headers)
    assert isinstance(found, Change)
    return found


@pytest.mark.parametrize(
    ("body", "headers", "source", "version"),
    [
        (GITHUB, {"x_github_event": "deployment_status"}, "github", SHA),
        (GITLAB, {"x_gitlab_event": "Deployment Hook"}, "gitlab", "279484c0"),
        (CDEVENT, {"ce_type": "dev.cdevents.service.deployed.0.2.0"}, "cdevents", "v1.4.2"),
        ({"specversion": "1.0", "type": "x", "id": "1", "source": "/a", "data": CDEVENT}, {}, "cdevents", "v1.4.2"),
        ({"specversion": "1.0", "type": "x", "id": "1", "source": "/a", "data": PLAIN}, {}, "cloudevents", "v1.4.2"),
        (PAGERDUTY, {}, "pagerduty", "v1.4.2"),
        (ARGOCD, {}, "argocd", SHA),
        (PLAIN, {}, "api", "v1.4.2"),
    ],
)
def test_a_deploy_is_read_from_what_each_tool_sends(
    body: Any, headers: dict[str, str], source: str, version: str
) -> None:
    change = a_change(body, **headers)
    assert (change.source, change.kind, change.status) == (source, ChangeKind.DEPLOY, ChangeStatus.SUCCEEDED)
    assert (change.service, change.environment, change.version) == ("checkout", "production", version)
    assert change.finished_at == datetime(2026, 3, 1, 11, 31, tzinfo=UTC)
    assert a_change(body, **headers) == change, "the same report is the same change"


def test_the_reports_of_one_deployment_share_its_id() -> None:
    running = {**GITHUB, "deployment_status": {"state": "in_progress", "created_at": "2026-03-01T11:29:30Z"}}
    begun = a_change(running, x_github_event="deployment_status")
    assert (begun.status, begun.finished_at) == (ChangeStatus.IN_PROGRESS, None)
    assert begun.id == a_change(GITHUB, x_github_event="deployment_status").id


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"zen": "Keep it logically awesome."}, {"x_github_event": "ping"}),
        ({**GITHUB, "deployment_status": {"state": "queued"}}, {"x_github_event": "deployment_status"}),
        ({"action": "edited"}, {"x_github_event": "release"}),
        ({"object_kind": "push"}, {"x_gitlab_event": "Push Hook"}),
        ({**CDEVENT, "context": {"type": "dev.cdevents.build.started.0.2.0"}}, {}),
    ],
)
def test_what_is_no_change_is_ignored(body: Any, headers: dict[str, str]) -> None:
    assert isinstance(read(body, **headers), IgnoredChange)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], "the body must be a JSON object"),
        ({}, "service is missing"),
        ({"service": ["checkout"]}, "service must be a string"),
        ({"service": "checkout", "kind": "party"}, "'party' is not one of deploy"),
        ({"service": "checkout", "started_at": "yesterday"}, "started_at is not a time"),
        ({"service": "checkout", "started_at": "2026-03-01T12:00:00"}, "started_at is not a time"),
        ({"service": "checkout", "started_at": 1e300}, "started_at is not a time"),
        ({"service": "checkout", "started_at": "2026-03-09T12:00:00Z"}, "must not be in the future"),
        ({**PLAIN, "started_at": "2026-03-01T11:59:00Z"}, "finished_at must not be before started_at"),
        ({"kind": "note"}, "service and title are missing"),
        ({"service": "checkout", "labels": "x"}, "labels must be a JSON object"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_field(body: Any, named: str) -> None:
    with pytest.raises(MalformedChangeError, match=named):
        read(body)


def test_texts_are_bounded_and_on_one_line() -> None:
    change = a_change({"service": "check\r\nout\x00\u202e" + "x" * 5_000, "url": "javascript:alert(1)"})
    assert len(change.service) == 200
    assert change.service.startswith("check out")
    assert change.url == ""


def test_what_is_decoded_or_comes_from_the_query_is_on_one_line_too() -> None:
    """A NUL can be in no column of PostgreSQL, and a line break in no text of an alert."""
    assert version_of("pkg:oci/checkout?tag=v1%00%0a.4") == version_of("pkg:oci/checkout@v1%00%0a.4") == "v1 .4"
    received = Received(headers={}, body=PLAIN)
    found = read_change(received, at=AT, service="a\0\nb", environment="\0")
    assert isinstance(found, Change)
    assert (found.service, found.environment) == ("a b", "production")


def test_a_change_is_described_in_one_line() -> None:
    assert change_title(a_change(PLAIN)) == "Deploy of checkout v1.4.2 to production"
    assert change_title(a_change({"kind": "flag", "service": "checkout", "title": "new-basket on"})) == (
        "Feature flag: new-basket on"
    )
    assert change_title(a_change({**ARGOCD, "phase": "Failed"})) == "Deploy of checkout 01234567 to production (failed)"


def test_a_change_in_another_environment_does_not_concern_an_slo() -> None:
    change = a_change(PLAIN)
    assert concerns(change, "checkout", ())
    assert concerns(change, "checkout", (("environment", "production"),))
    for name in ("env", "environment", "deployment_environment", "deployment_environment_name"):
        assert not concerns(change, "checkout", ((name, "staging"),))
    assert not concerns(change, "search", ())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.sampled_from([GITHUB, GITLAB, CDEVENT, PAGERDUTY, ARGOCD, PLAIN]), st.data())
def test_whatever_a_report_holds_it_is_read_ignored_or_refused(body: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(body)))
    broken = {**body, name: data.draw(_JSON)}
    for headers in ({}, {"x_github_event": "deployment_status"}, {"x_gitlab_event": "Deployment Hook"}):
        try:
            found = read(broken, **headers)
        except MalformedChangeError:
            continue
        assert isinstance(found, IgnoredChange) or found.started_at <= AT + timedelta(days=1)
