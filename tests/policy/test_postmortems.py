"""Which incidents need a postmortem."""

from datetime import UTC, datetime, timedelta

from app.policy import PastIncident, PostmortemRule, postmortems_due

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def incident(id_: str, days_ago: float, spent: float | None, component: str = "", *, over: bool = True) -> PastIncident:
    started = NOW - days_ago * DAY
    labels = (("component", component),) if component else ()
    return PastIncident(
        id=id_, slo="a", labels=labels, started_at=started, ended_at=started + DAY if over else None, spent=spent
    )


def test_large_incidents_and_repeated_ones_of_a_class_need_one() -> None:
    incidents = [
        incident("large", 40, 0.3, "db"),
        incident("small", 30, 0.05),
        incident("db again", 20, 0.05, "db"),
        incident("unknown", 10, None),
        incident("old", 200, 0.19, "cache"),
        incident("cache", 5, 0.19, "cache", over=False),
    ]
    rule = PostmortemRule(class_label="component")
    due = postmortems_due(rule, incidents, at=NOW)
    assert [(one.incidents, one.subject) for one in due] == [
        (("large", "db again"), "component=db"),
        (("large",), "a"),
    ]
    assert due[1].due_at == NOW - 40 * DAY + DAY + timedelta(days=14)
    assert postmortems_due(PostmortemRule(incident_above=None, class_above=None), incidents, at=NOW) == ()
