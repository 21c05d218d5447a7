"""One log line for each template that fails: an alert is put into words every minute and for every reader."""

from functools import lru_cache

import structlog

from app.alerting import Notification
from app.slo import SloId

_log = structlog.get_logger(__name__)


def log_template_error(notification: Notification, error: str) -> None:
    """Log that default text is used for an alert, once for each error."""
    _log_once(notification.slo, error)


@lru_cache(maxsize=1024)
def _log_once(slo: SloId, error: str) -> None:
    _log.warning("template failed; default text is used", slo=slo, error=error)
