"""The section `alertmanager` of a receiver."""

from dataclasses import dataclass

from pydantic import Field

from app.integrations.config.fields import HttpModel, Model, Url


class AlertmanagerModel(Model):
    """Every Alertmanager of a cluster."""

    urls: tuple[Url, ...] = Field(min_length=1)
    http_config: HttpModel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerTargets:
    """Every Alertmanager of a cluster."""

    urls: tuple[str, ...]
