"""The services that alerts are sent to, and `config/sloburn.yaml`, which configures them.

Imports `app.delivery` and what lies below; nothing imports a package here but `receivers.py`. A folder for each service
holds its notifier and what only it needs. Start at `receivers.py`, which makes notifiers of the configuration;
`config/` reads the file, `resend_loop.py` repeats `active_alerts.py` to Alertmanagers, `heartbeat.py` is the dead man's
switch, `final.py` the last messages of what a reload drops.
"""

from app.integrations.active_alerts import ActiveAlerts, StoredAlertsToRepeat
from app.integrations.alertmanager.cluster import Alertmanager, AlertmanagerOptions
from app.integrations.alertmanager.peer import RECEIVER
from app.integrations.alertmanager.refire import Reassertion
from app.integrations.alertmanager.silences import SilencedCluster, SilenceReader
from app.integrations.config import DeliveryConfig, LoadedConfig, SourceConfig, load_config
from app.integrations.final import final_notifications, send_final
from app.integrations.heartbeat import IsHealthy
from app.integrations.receivers import NotifierContext, Receivers, open_receivers
from app.integrations.resend_loop import Reasserter, ResendLoop, ResendTiming

__all__ = [
    "RECEIVER",
    "ActiveAlerts",
    "Alertmanager",
    "AlertmanagerOptions",
    "DeliveryConfig",
    "IsHealthy",
    "LoadedConfig",
    "NotifierContext",
    "Reasserter",
    "Reassertion",
    "Receivers",
    "ResendLoop",
    "ResendTiming",
    "SilenceReader",
    "SilencedCluster",
    "SourceConfig",
    "StoredAlertsToRepeat",
    "final_notifications",
    "load_config",
    "open_receivers",
    "send_final",
]
