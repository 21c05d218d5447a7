"""Secrets in what receivers say of themselves (S3)."""

import pytest

from app.delivery.secrets import FixedSecret, blotted

HOOK = FixedSecret("https://hooks.example/services/T0CANARY/B0/canaryxyz?token=canary-q&v=2")


@pytest.mark.parametrize(
    "text",
    [
        "cannot POST https://hooks.example/services/T0CANARY/B0/canaryxyz?token=canary-q&v=2",
        "404 /services/T0CANARY/B0/canaryxyz?token=canary-q&v=2",
        "404 /services/T0CANARY/B0/canaryxyz",
        "no hook canaryxyz",
        "bad token canary-q",
        "no team T0CANARY",
    ],
)
def test_a_url_is_blotted_in_whole_and_in_pieces(text: str) -> None:
    assert "canary" not in blotted(text, [HOOK]).lower()


def test_what_is_no_secret_stays() -> None:
    assert blotted("hooks.example answers 404 at B0, v=2", [HOOK]) == "hooks.example answers 404 at B0, v=2"
    assert blotted("no key abc", [FixedSecret("abc")]) == "no key abc"
    assert blotted("key abcd is wrong", [FixedSecret("abcd")]) == "key <secret> is wrong"
