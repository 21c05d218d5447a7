"""What `config/sloburn.yaml` says to a command; a mistake in it ends the command."""

from app.cli.console import EXIT_USAGE, fail
from app.integrations import DeliveryConfig, load_config
from app.settings import Settings, environment


def sound_config(settings: Settings) -> DeliveryConfig:
    """What `config/sloburn.yaml` says; ends the command if something is wrong with it."""
    loaded = load_config(settings.config_file, environment=environment(), alertmanager_urls=settings.alertmanager_urls)
    if loaded.errors:
        fail("\n".join(map(str, loaded.errors)), code=EXIT_USAGE)
    return loaded.config
