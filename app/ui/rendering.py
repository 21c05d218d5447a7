"""How templates become pages: what they can call, the layout they share, and the headers of every page."""

import gzip
import math
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from app.access import Access, hide_tokens, is_token_shaped
from app.alerting import AlertSilence, Notification
from app.clock import Clock
from app.metrics import accepts_gzip
from app.slo import format_duration, rounded_percent
from app.status import HealthState, sla_words
from app.ui import views
from app.ui.assets import Assets
from app.ui.forms import WAIT_S, known_reader, sees_service
from app.wording.links import page_of_silence, silence_link
from app.wording.plain_text import one_line, shortened, visible
from app.wording.sentences import rounded_exhaustion, span

NAVIGATION = (
    ("Overview", "/"),
    ("Alerts", "/alerts"),
    ("Objectives", "/objectives"),
    ("Timeline", "/events"),
    ("Policy", "/policy"),
    ("Status", "/status"),
    ("API", "/docs"),
)
"""The links at the top of every page."""
SIGN_IN_PATH = "/login"
# By which other programs send tokens in URLs.
_TOKEN_NAMES = frozenset(("token", "access_token", "authorization"))

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# Of a comment of a silence, which people write as they like.
_LONGEST_COMMENT = 160
# Pages repeat themselves: this level makes them a tenth in less than a millisecond.
_GZIP_LEVEL = 3


class Renderer:
    """Renders the templates of `app/ui/templates`.

    *prefix* is the path of the external URL, without a slash at its end. What *unhealthy* gives, the reasons why
    evaluation is not healthy, is at the top of every page, and links to all pages but those *left_out* by their paths.
    *alertmanager_url* gives where people reach Alertmanager, None without one.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        prefix: str = "",
        unhealthy: Callable[[], Sequence[str]] = tuple,
        left_out: Collection[str] = (),
        alertmanager_url: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.assets = Assets()
        self.prefix = prefix
        self.clock = clock
        self._navigation = [link for link in NAVIGATION if link[1] not in left_out]
        self._environment = _environment(clock)
        self._environment.filters |= _of_alertmanager(alertmanager_url)
        self._environment.globals |= {
            "prefix": prefix,
            "health": HealthState,
            "unhealthy": unhealthy,
            "has_libraries": self.assets.has_libraries,
            "asset": lambda name: prefix + self.assets.path(name),
            "now": clock.now,
        }

    def sign_in_link(self, request: Request) -> str:
        """To the page to sign in, and from there back to the page that was asked for."""
        # As the browser wrote it: the id of a member has spaces, quotes and slashes of label values.
        raw: bytes = request.scope["raw_path"]
        query = request.url.query
        # A token in a URL is refused, and repeated by no page.
        secret = any(name.lower() in _TOKEN_NAMES or is_token_shaped(value) for name, value in parse_qsl(query))
        target = raw.decode("latin-1") + (f"?{query}" if query and not secret else "")
        back = "" if request.scope["path"] == SIGN_IN_PATH else f"?{urlencode({'next': target})}"
        return f"{self.prefix}{SIGN_IN_PATH}{back}"

    def page(self, request: Request, template: str, *, status: int = HTTPStatus.OK, **context: Any) -> Response:
        """The page that a template makes of *context*."""
        # Pages may be served without an API, as of a board that a test shows.
        access: Access | None = getattr(request.app.state, "access", None)
        common = {
            "reader": known_reader(request),
            "may_sign_in": access is not None and access.has_credentials,
            "sign_in": self.sign_in_link(request),
            "navigation": [link for link in self._navigation if sees_service(request) or link[1] != "/status"],
        }
        # As a whole: what people search for, write in notes and ask for by its id is shown in many places.
        body = hide_tokens(self._environment.get_template(template).render(common | context)).encode()
        headers = {"Content-Security-Policy": _CSP, "Vary": "Accept-Encoding"}
        wait_s: float = getattr(request.state, WAIT_S, 0.0)
        if status == HTTPStatus.TOO_MANY_REQUESTS and wait_s:
            headers["Retry-After"] = str(math.ceil(wait_s))
        if accepts_gzip(", ".join(request.headers.getlist("accept-encoding"))):
            # Without the time, so that what has not changed keeps its ETag.
            body = gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return HTMLResponse(body, status_code=status, headers=headers)


def _of_alertmanager(url_of: Callable[[], str | None]) -> dict[str, Callable[..., Any]]:
    """Filters that give addresses in Alertmanager, None without one, and what is said of silences there."""

    def form(notification: Notification) -> str | None:
        url = url_of()
        return None if url is None else silence_link(url, notification)

    def page(silence: AlertSilence) -> str | None:
        # Which of several Alertmanagers people reach by the address is not known.
        url = None if silence.receiver or silence.is_inhibited else url_of()
        return None if url is None else page_of_silence(url, silence.id)

    def comment(silence: AlertSilence) -> str:
        return shortened(one_line(silence.comment), _LONGEST_COMMENT)

    return {"silence_form": form, "silence_page": page, "silence_comment": comment}


def _environment(clock: Clock) -> Environment:
    environment = Environment(
        loader=PackageLoader("app.ui"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": rounded_percent,
        "count": views.grouped,
        "factor": views.multiple,
        "moment": views.moment,
        "iso": views.rfc3339,
        "rounded_exhaustion": lambda at: rounded_exhaustion(at, clock.now()),
        "relative": lambda at: views.relative(at, clock.now()),
        "measured": views.measured,
        "bar": views.bar,
        "falling": views.falling_words,
        "history_read": views.history_read,
        "window": views.window_name,
        "burns": views.burns,
        "alert_lines": views.alert_lines,
        "sla": sla_words,
        "as_options": lambda values: [(value, value) for value in values],
        "as_words": lambda values: [(value, value.replace("_", " ")) for value in values],
        "share": views.spent,
        "duration": format_duration,
        "span": span,
        "visible": visible,
        "seconds": lambda length: round(length.total_seconds()),
        "label_names": views.label_names,
        "without": lambda items, index: [item for place, item in enumerate(items) if place != index],
        "segment": lambda text: quote(text, safe=""),
    }
    return environment
