"""The settings: flags, then `SLOBURN_*` in the environment, then `.env`; the only reader of the environment.

May import `app.prometheus` and `app.slo` for the values that settings become. Start at `model.py`; `load.py` turns
errors into lines that say what to write instead. The table is in `docs/settings.md`.
"""

from app.settings.load import SettingsError, environment, load_settings
from app.settings.model import LogFormat, LogLevel, Settings, flag

__all__ = ["LogFormat", "LogLevel", "Settings", "SettingsError", "environment", "flag", "load_settings"]
