from app.promql.probe import bucket_bounds, name_only, series_count, series_without
from app.promql.selector_text import parse_selector

BUCKET = parse_selector('latency_seconds_bucket{job="x", le="0.3"}')


def test_questions_look_back_a_day_for_services_that_sleep() -> None:
    assert series_count(parse_selector('m{job="x"}')) == 'count(last_over_time(m{job="x"}[1d]))'


def test_an_absent_label_is_an_empty_one() -> None:
    assert series_without(parse_selector("m"), "route") == 'count(last_over_time(m{route=""}[1d]))'


def test_the_bounds_are_those_of_every_bucket() -> None:
    assert bucket_bounds(BUCKET) == 'group by (le) (last_over_time(latency_seconds_bucket{job="x"}[1d]))'


def test_a_selector_without_a_name_stays_whole() -> None:
    assert name_only(BUCKET) == parse_selector("latency_seconds_bucket")
    assert name_only(parse_selector('{job="x"}')) == parse_selector('{job="x"}')
