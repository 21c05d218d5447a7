"""The section `pagerduty` of a receiver."""

from app.integrations.config.fields import FilePath, HttpModel, Model, Text, Url
from app.integrations.config.reader import SectionReader
from app.integrations.pagerduty.notifier import URL, PagerDutyOptions
from app.yamldoc.findings import FieldPath


class PagerDutyModel(Model):
    """PagerDuty's Events API v2."""

    routing_key_file: FilePath | None = None
    routing_key_env: Text | None = None
    url: Url = URL
    http_config: HttpModel | None = None


def resolve_pagerduty(model: PagerDutyModel, at: FieldPath, reader: SectionReader) -> PagerDutyOptions | None:
    """The options of the section; None, and a finding, where they are not usable."""
    key = reader.loader.secret(model.routing_key_file, model.routing_key_env, at, "routing_key")
    return None if key is None else PagerDutyOptions(routing_key=key, url=model.url)
