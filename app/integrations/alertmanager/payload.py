"""Alerts as Alertmanager's API v2 wants them.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypedDict

from app.alerting import Notification, NotificationStatus, sent_labels
from app.delivery.template_log import log_template_error
from app.wording.annotations import TEMPLATE_ERROR, annotations
from app.wording.links import page_for
from app.wording.templates import Templates


class PostableAlert(TypedDict):
    """One alert of the body of `POST /api/v2/alerts`."""

    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str
    endsAt: str
    generatorURL: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadWriter:
    """How notifications become alerts.

    Attributes:
        external_url: where people reach us.
        lifetime: how long a firing alert lasts that is not sent again.
        templates: the receiver's own words.
    """

    external_url: str
    lifetime: timedelta
    templates: Templates = field(default_factory=Templates)

    def alert(self, notification: Notification, *, at: datetime) -> PostableAlert:
        """The alert of a notification that is sent at *at*, in the clock of the Alertmanager."""
        firing = notification.status is NotificationStatus.FIRING or notification.ends_at is None
        # Alertmanager refuses an end before the start.
        said = annotations(notification, self.templates)
        if TEMPLATE_ERROR in said:
            log_template_error(notification, said[TEMPLATE_ERROR])
        ends_at = at + self.lifetime if firing else max(notification.ends_at or at, notification.starts_at)
        return {
            "labels": sent_labels(notification),
            "annotations": said,
            "startsAt": notification.starts_at.isoformat(),
            "endsAt": ends_at.isoformat(),
            "generatorURL": page_for(self.external_url, notification),
        }
