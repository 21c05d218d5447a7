"""Links to a report that work without a login, until they expire: its parameters, signed."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

from app.reports.report import ReportQuestion

LINK_LASTS = timedelta(days=90)
"""How long a link can be used."""
SHARED_PATH = "/api/v1/reports/shared"
"""The route that takes signed links."""


def question_query(question: ReportQuestion) -> list[tuple[str, str]]:
    """The parameters by which a report is asked for again."""
    return [
        *(("service", one) for one in sorted(question.services)),
        *(("label", f"{name}={value}") for name, value in sorted(question.labels)),
        ("period", question.period.text),
        ("at", str(question.period.at)),
        ("by", question.by),
        ("timezone", question.timezone),
    ]


def signed_query(question: ReportQuestion, *, secret: str, expires_at: datetime) -> str:
    """The query of a link that can be used until a time."""
    query = [*question_query(question), ("expires", str(round(expires_at.timestamp())))]
    return urlencode([*query, ("signature", _signature(query, secret))])


def is_signed(query: Sequence[tuple[str, str]], *, secret: str, at: datetime) -> bool:
    """Whether the parameters of a request were signed by us, and have not expired."""
    given = "".join(value for name, value in query if name == "signature")
    signed = [(name, value) for name, value in query if name != "signature"]
    # The signature first: nothing else of a request that is not ours is looked at.
    if not hmac.compare_digest(given.encode(), _signature(signed, secret).encode()):
        return False
    expires = [int(value) for name, value in signed if name == "expires"]
    return len(expires) == 1 and at.timestamp() < expires[0]


def _signature(query: Sequence[tuple[str, str]], secret: str) -> str:
    # In their order, as a link has them; urlencode keeps `a=b&c` apart from `a` with the value `b&c`.
    text = f"{SHARED_PATH}?{urlencode(query)}"
    return hmac.new(secret.encode(), text.encode(), sha256).hexdigest()
