"""`config/sloburn.yaml`: receivers and routes, with file, line and field of each mistake.

Start at `load.py`; `model.py` is the structure, to which the folder of each service adds its section (`config.py`).
`resolve.py` checks the parts against each other and says what they become, `structure.py` is what `app.yamldoc` needs
for errors. The reference is `docs/receivers.md`.
"""

from app.integrations.alertmanager.config import AlertmanagerTargets
from app.integrations.config.load import LoadedConfig, load_config
from app.integrations.config.resolve import DeliveryConfig, ReceiverConfig
from app.integrations.config.sources import SourceConfig

__all__ = ["AlertmanagerTargets", "DeliveryConfig", "LoadedConfig", "ReceiverConfig", "SourceConfig", "load_config"]
