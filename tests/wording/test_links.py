"""The form of a silence is filled in with every label as it is, whatever its value."""

import json
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from app.alerting import sent_labels
from app.wording.links import silence_link
from tests.support.notifications import firing

# As the form of Alertmanager reads a filter: a name without signs of the syntax, and a string of JSON.
_MATCHER = re.compile(r'([^{}!=~,\\"\'` \t\n]+)=("(?:[^"\\]|\\.)*")', re.DOTALL)


@pytest.mark.parametrize("value", ["/pay", 'a "b" \\c', "tab\there", "line\nbreak", "\x1bred", "Größe, 50%&x=1#"])
def test_the_form_of_a_silence_is_filled_in_with_every_label(value: str) -> None:
    page = replace(firing(), labels=(("team", value),))
    address, _, text = silence_link("http://am:9093/", page).partition("?filter=")
    assert address == "http://am:9093/#/silences/new"
    given = unquote(text)
    read = {name: json.loads(quoted) for name, quoted in _MATCHER.findall(given)}
    assert read == dict(sent_labels(page))
    assert given == "{" + ",".join(f"{name}={quoted}" for name, quoted in _MATCHER.findall(given)) + "}"
