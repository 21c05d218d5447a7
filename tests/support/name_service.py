"""Name services that tests can script."""

import ipaddress
from collections.abc import Sequence

from app.http import IpAddress


class Rebinding:
    """A name service whose answer changes from question to question: one or more addresses, with commas between."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[IpAddress]:
        assert port > 0
        self.asked.append(host)
        return [ipaddress.ip_address(text) for text in self.answers.pop(0).split(",")]
