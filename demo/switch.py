"""The switch from outside: breaks and mends the running shop by HTTP."""

from dataclasses import dataclass
from typing import Any

import httpx

from demo.errors import DemoError


class ShopError(DemoError):
    """No shop answers."""


class RefusedError(ShopError):
    """The shop refused a request, such as one for a service that it does not have."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ShopSwitch:
    """The switch of the shop at *url*."""

    url: str

    def break_service(
        self, service: str, *, errors: float, latency_seconds: float, for_seconds: float
    ) -> dict[str, dict[str, float]]:
        """Break *service*; everything that is broken now."""
        body = {
            "service": service,
            "errors": errors,
            "latency_seconds": latency_seconds,
            "for_seconds": for_seconds,
        }
        broken: dict[str, dict[str, float]] = self._ask("POST", "/break", body)
        return broken

    def mend(self, service: str | None) -> list[str]:
        """Mend *service*, or all; the services that were broken."""
        mended: list[str] = self._ask("POST", "/mend", {"service": service})["mended"]
        return mended

    def breakages(self) -> dict[str, dict[str, float]]:
        """Everything that is broken now."""
        broken: dict[str, dict[str, float]] = self._ask("GET", "/breakages")
        return broken

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = httpx.request(method, self.url + path, json=body, timeout=10.0, trust_env=False)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            what_to_do = "start it with `sloburn demo`, or wait until that has printed its addresses"
            raise ShopError(f"no demo shop answers at {self.url} ({error}): {what_to_do}") from error
        if not answer.is_success:
            raise RefusedError(f"the shop refused: {_detail(answer)}")
        return answer.json()


def _detail(answer: httpx.Response) -> str:
    detail = answer.json().get("detail", answer.text)
    if isinstance(detail, list):
        return "; ".join(f"{'.'.join(map(str, problem['loc'][1:]))}: {problem['msg']}" for problem in detail)
    return str(detail)
