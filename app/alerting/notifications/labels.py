"""The labels of an alert as every receiver gets them: its identity at Alertmanager."""

from app.alerting.notifications.notification import Notification
from app.slo import classic_label_name

RESERVED = frozenset({"alertname", "slo", "service", "severity"})
"""Labels that are ours: the labels of a native document, or a group, cannot take them."""
OVERRIDABLE = RESERVED - {"alertname"}
"""Labels that are ours unless a document says otherwise: routes of other tools match on them."""
_PREFIX = "slo_group_"


def sent_labels(notification: Notification) -> dict[str, str]:
    """The labels of the alert; nothing in them changes during its life.

    Those of a group that have one of our names are sent as ``slo_group_`` and the name, `http.route` as `http_route`.
    Documents of other tools keep theirs, except the name of the alert: their routes match on a `severity` or `slo` of
    their own. Empty labels are left out, as Alertmanager does: to it they are the same as absent ones, and its
    fingerprint is without them.
    """
    own = {
        "alertname": notification.alertname,
        "slo": notification.slo,
        "service": notification.service,
        "severity": notification.severity.value,
    }
    group = dict(notification.group)
    # In this order: what an imported document says of our names wins over us, what a group says over both is renamed.
    own |= {name: value for name, value in notification.labels if name in own and name not in {"alertname", *group}}
    renamed = {name for name in group if name in RESERVED or classic_label_name(name) != name}
    others = {name: value for name, value in notification.labels if name not in RESERVED | renamed}
    for name, value in notification.group:
        # Alertmanager before 0.27 refuses other names, and with them all alerts that are sent beside.
        free = classic_label_name(name)
        while name in renamed and (free in others or free in RESERVED):
            free = _PREFIX + free
        if name in renamed:
            others[free] = value
    return {name: value for name, value in {**others, **own}.items() if value}
