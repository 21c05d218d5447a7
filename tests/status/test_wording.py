import doctest

from app.status import wording


def test_the_examples_hold() -> None:
    assert doctest.testmod(wording).failed == 0
