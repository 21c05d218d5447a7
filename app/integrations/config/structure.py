"""What the file may hold, for the words of its errors."""

from app.integrations.config.model import FileModel
from app.yamldoc.explain import Structure

CONFIG = Structure(
    model=FileModel,
    reference="docs/receivers.md",
    secrets=frozenset({"routing_key", "webhook_url", "bot_token", "secret", "password", "credentials"}),
)
