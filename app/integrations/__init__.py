"""The services that alerts are sent to, and `config/sloburn.yaml`, which configures them.

Imports `app.delivery` and what lies below; nothing imports a package here but `receivers.py`. A folder for each service
holds its notifier and what only it needs. Start at `receivers.py`, which makes notifiers of the configuration;
`config/` reads the file, `heartbeat.py` is the dead man's switch, `final.py` the last messages of what a reload drops.
"""

from app.integrations.alertmanager.cluster import Alertmanager, AlertmanagerOptions
from app.integrations.alertmanager.peer import RECEIVER
from app.integrations.alertmanager.refire import Reassertion
from app.integrations.config import DeliveryConfig, LoadedConfig, load_config
from app.integrations.final import final_notifications, send_final
from app.integrations.heartbeat import IsHealthy
from app.integrations.receivers import NotifierContext, Receivers, open_receivers

__all__ = [
    "RECEIVER",
    "Alertmanager",
    "AlertmanagerOptions",
    "DeliveryConfig",
    "IsHealthy",
    "LoadedConfig",
    "NotifierContext",
    "Reassertion",
    "Receivers",
    "final_notifications",
    "load_config",
    "open_receivers",
    "send_final",
]
