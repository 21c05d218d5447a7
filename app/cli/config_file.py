"""What `config/sloburn.yaml` says to a command; a mistake in it ends the command."""

from app.cli.console import EXIT_USAGE, fail
from app.integrations import DeliveryConfig, LoadedConfig, load_config
from app.settings import Settings, environment


def configured(settings: Settings) -> LoadedConfig:
    """What `config/sloburn.yaml` says, and what is wrong with it."""
    return load_config(settings.config_file, environment=environment(), alertmanager_urls=settings.alertmanager_urls)


def sound_config(settings: Settings) -> DeliveryConfig:
    """What `config/sloburn.yaml` says; ends the command if something is wrong with it."""
    loaded = configured(settings)
    if loaded.errors:
        fail("\n".join(map(str, loaded.errors)), code=EXIT_USAGE)
    return loaded.config
