"""`config/sloburn.yaml`: receivers and routes, with file, line and field for whatever is wrong.

Start at `load.py`; `model.py` is the structure, `resolve.py` what must hold between its parts and what it becomes,
`structure.py` what `app.yamldoc` says of errors. The reference is `docs/receivers.md`.
"""

from app.integrations.config.load import LoadedConfig, load_config
from app.integrations.config.resolve import AlertmanagerTargets, DeliveryConfig, ReceiverConfig

__all__ = ["AlertmanagerTargets", "DeliveryConfig", "LoadedConfig", "ReceiverConfig", "load_config"]
