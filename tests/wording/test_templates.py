"""MessageText of people's own: what they can say, and what no template can do (S6)."""

import doctest
import time
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.slo import SloId
from app.wording import plain_text
from app.wording.annotations import annotations
from app.wording.links import is_link
from app.wording.sentences import summary
from app.wording.template_values import NAMES, figures
from app.wording.templates import TemplateProblemError, Templates, compile_template, render_template
from tests.support.notifications import closed, firing, resolved

HOSTILE = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ labels.__class__ }}",
    "{{ labels['__class__']['__init__'] }}",
    "{{ labels|attr('__class__') }}",
    "{{ labels.items() }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler }}",
    "{{ lipsum.__globals__ }}",
    "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
    "{{ namespace() }}",
    "{{ range(10) }}",
    "{% for a in range(999999999) %}x{% endfor %}",
    "{% for a in labels %}{% for b in labels %}{{ a }}{% endfor %}{% endfor %}",
    "{% for a in [1, 2] recursive %}{{ loop([a]) }}{% endfor %}",
    "{% for a in 'x' * 99999999 %}{{ a }}{% endfor %}",
    "{{ 'x' * 999999999 }}",
    "{{ 999999999 ** 999999999 }}",
    "{{ '%0999999999d' % 1 }}",
    "{{ '%s'|format(1) }}",
    "{{ service|center(999999999) }}",
    "{{ service|replace('c', 'cccccccccc') }}",
    "{{ service|indent(999999999) }}",
    "{{ service|map('upper') }}",
    "{{ service|pprint }}",
    "{{ service|xmlattr }}",
    "{% set a = 'x' %}{% set a = a ~ a %}{{ a }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% extends '/etc/passwd' %}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% call service() %}x{% endcall %}",
    "{% raw %}{{ x }}{% endraw %}{{ x }}",
    "{{ 1 / 0 }}",
    "{{ labels + 1 }}",
    "{{ service + 'x' }}",
    "{{ labels.nope }}",
    "{{ [1] * 99999999 }}",
    "{{ {'a': 1} }}",
    "{{ service[0:3] }}",
    "{{ service is callable and dump() }}",
    "{{ $labels.job }}",
    "{{ .Labels.job }}",
    "{{",
    "{% if %}",
    "{% endfor %}",
    "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
    "{{ " + "not " * 900 + "1 }}",
    "{{ service ~ " * 1500 + "1 }}",
    "x" * 5000 + "{{ service }}",
    "{{ service | truncate(2) }}",
    "{{ 1e400 | number }}",
    "{{ stale | percent }}",
    "{{ 1 | round(999999999, 'ceil') }}",
    "{{ service | join(service | join(service | join(service | join(service | join(service))))) }}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_reaches_beyond_the_values_is_refused_at_once(text: str) -> None:
    began = time.thread_time()
    with pytest.raises(TemplateProblemError):
        render_template(text, figures(firing()))
    assert time.thread_time() - began < 5.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ service }}/{{ name }} {{ severity }}", "checkout/availability page"),
        ("{{ burn_rate_long | number }} times, {{ budget_consumed | percent }} gone", "20 times, 60% gone"),
        ("{% if severity == 'page' %}wake up{% else %}later{% endif %}", "wake up"),
        ("{{ labels.team | upper }}{{ labels['team'] }}", "PAYMENTSpayments"),
        ("{{ labels.owner | default('nobody') }}", "nobody"),
        ("{% for label in labels %}{{ label }}={{ labels[label] }};{% endfor %}", "team=payments;"),
        ("{{ (bad / total * 100) | round(1) }}", "2.0"),
        ("{{ 'x' if stale else 'fresh' }} {{ ended is none }}", "fresh True"),
        ("{{ slo }} since {{ since }}", "checkout-availability since 2026-01-01 00:00 UTC"),
    ],
)
def test_what_people_want_to_say_can_be_said(text: str, said: str) -> None:
    assert render_template(text, figures(firing())) == said


def test_every_name_has_a_value() -> None:
    assert figures(firing()).keys() | {"summary", "description"} == NAMES


def test_values_are_no_templates() -> None:
    notification = firing(labels=(("team", "{{ service }}"),), service="{% raw %}")
    assert render_template("{{ labels.team }} {{ service }}", figures(notification)) == "{{ service }} {% raw %}"


def test_a_long_result_is_refused() -> None:
    notification = firing(labels=(("team", "x" * 10_000),))
    with pytest.raises(TemplateProblemError, match="more than 8192 characters"):
        render_template("{{ labels.team }}", figures(notification))


@given(st.text(alphabet="{}%()[]'\"|~ .,_*+-/0123456789abceilnorstux", max_size=120))
def test_any_text_is_a_result_or_a_problem(text: str) -> None:
    try:
        said = render_template(text, figures(firing()))
    except TemplateProblemError:
        return
    assert len(said) <= 8192


def test_a_document_writes_templates_and_a_receiver_builds_on_them() -> None:
    notification = firing(
        annotations=(("summary", "{{ subject }}: {{ bad | number }} bad"), ("runbook_url", "https://r/{{ slo }}"))
    )
    said = annotations(
        notification, Templates(summary="[{{ tier }}] {{ summary }}", description="{{ top_contributors }}")
    )
    assert said["summary"] == "[1h/5m] checkout availability: 2,000 bad"
    assert said["runbook_url"] == "https://r/checkout-availability"
    assert said["description"] == ""
    assert "template_error" not in said


@pytest.mark.parametrize(
    ("own", "receiver", "is_own"),
    [
        ("{{ subject }} is healthy again", None, False),
        ("Checkout is fine", None, False),
        ("{{ subject }}", "{{ summary }} [{{ severity }}]", True),
        ("{{ subject }} ended: {{ end_code }}", None, True),
        ("{{ subject }}", "over: {{ reason }}", True),
    ],
)
def test_an_end_that_is_no_recovery_reads_so_whatever_templates_say(
    own: str, receiver: str | None, is_own: bool
) -> None:
    end = closed(annotations=(("summary", own), ("description", "All is well.")))
    said = annotations(end, Templates(summary=receiver))
    assert (said["summary"] != summary(end)) is is_own
    assert said["description"].startswith("This alert is closed because the SLO was removed.")
    assert said["description"].endswith("All is well.")
    assert said["end_code"] == end.end_code
    assert annotations(replace(end, end_code=None, reason=None))["summary"] != summary(end)


def test_a_template_that_fails_leaves_the_usual_words_and_is_said() -> None:
    usual = annotations(firing())
    said = annotations(firing(annotations=(("summary", "{{ $labels.job }}"), ("other", "{{ nope }}"))))
    assert said["summary"] == usual["summary"]
    assert said["other"] == "{{ nope }}"
    assert "summary:" in said["template_error"]
    assert "other: there is no nope" in said["template_error"]


def test_a_template_is_compiled_once() -> None:
    assert compile_template("{{ slo }}") is compile_template("{{ slo }}")
    assert render_template("{{ slo }}", figures(resolved(SloId("other")))) == "other"


LONG = "Das ist lang.\n" * 100_000
TOO_MUCH = [
    "{{ " + " ~ ".join(["slo_description"] * 200) + " | length }}",
    "{{ slo_description" + " | title | upper | lower" * 50 + " | length }}",
    "{{ (" + " ~ ".join(["labels"] * 300) + ") | length }}",
    "{% for label in labels %}{% if slo_description | title | title %}{% endif %}{% endfor %}",
    "{% for label in labels %}" + "{% if label in slo_description %}{% endif %}" * 80 + "{% endfor %}",
]


@pytest.mark.parametrize("text", TOO_MUCH, ids=range(len(TOO_MUCH)))
def test_templates_of_one_alert_end_however_long_its_values_are(text: str) -> None:
    """They share what they may do, so that a hundred annotations are no longer than one."""
    labels = tuple((f"label{number}", LONG) for number in range(100))
    notification = firing(
        annotations=(("summary", text), ("other", "{{ service | upper }}")), labels=labels, slo_description=LONG
    )
    said = annotations(notification)
    assert said["summary"] == summary(notification)
    assert said["other"] == "{{ service | upper }}"
    assert said["template_error"].startswith("summary: the templates of the alert do too much")


def test_a_long_value_can_be_shortened() -> None:
    notification = firing(annotations=(("summary", "{{ slo_description | truncate(20) }}"),), slo_description=LONG)
    assert annotations(notification)["summary"] == "Das ist..."


FAILING = [
    "{{ summary | truncate(2) }}", "{{ 1e400 | number }}", "{{ 1 / 0 }}", "{{ nope }}", "{{ labels.nope.nope }}",
    "{{ 1 | round(999999999, 'floor') }}", "{{ bad | round('x') }}", "{{ labels | first | first | length | first }}",
]  # fmt: skip


@pytest.mark.parametrize("text", FAILING)
def test_whatever_a_template_raises_the_default_text_is_sent_and_the_error_added(text: str) -> None:
    usual = annotations(firing())
    said = annotations(firing(annotations=(("summary", text), ("description", text))))
    assert (said["summary"], said["description"]) == (usual["summary"], usual["description"])
    assert said["template_error"].startswith("summary: ")
    assert "description: " in said["template_error"]


@pytest.mark.parametrize("empty", ["", "  \n", "{{ top_contributors }}", "{% if stale %}x{% endif %}", "\u200b\u202e"])
def test_an_empty_summary_is_the_default_text(empty: str) -> None:
    usual = annotations(firing())["summary"]
    assert annotations(firing(annotations=(("summary", empty),)))["summary"] == usual
    assert annotations(firing(), Templates(summary=empty))["summary"] == usual


def test_no_text_holds_what_nobody_sees() -> None:
    evil = "a\u202eb\u2066c\u200bd\ufeffe\u200ff\x00g"
    notification = firing(
        annotations=(("summary", evil), ("other", "{{ '\\ud800' }}{{ labels.team }}")), labels=(("team", evil),)
    )
    said = annotations(notification)
    assert said["summary"] == "abcdef g"
    assert said["other"] == "\ufffdabcdef g"
    assert orjson.dumps(said)


def test_long_texts_are_cut_and_links_are_not() -> None:
    link = "https://runbooks/" + "x" * 1_900
    said = annotations(firing(annotations=(("description", "y" * 600_000), ("runbook_url", link))))
    assert len(said["description"]) == 8_192
    assert said["description"].endswith("…")
    assert said["runbook_url"] == link


@pytest.mark.parametrize(("longer", "link"), [(0, True), (1, False)])
def test_a_link_has_two_thousand_characters_at_most(longer: int, link: bool) -> None:
    assert is_link("https://runbooks/".ljust(2_048 + longer, "x")) is link


def test_a_template_has_four_thousand_characters_at_most_and_rounds_to_fifteen_digits() -> None:
    assert render_template("{{ 0.5 | round(15) }}".ljust(4_096), figures(firing())).strip() == "0.5"
    for text in (" " * 4_084 + "{{ service }}", "{{ 0.5 | round(16) }}"):
        with pytest.raises(TemplateProblemError, match=r"4096|at most 15"):
            render_template(text, figures(firing()))


def test_texts_are_safe_to_show() -> None:
    assert doctest.testmod(plain_text).failed == 0
