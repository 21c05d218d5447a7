"""The section `webhook` of a receiver."""

from pydantic import Field

from app.integrations.config.fields import FilePath, HeaderModel, HttpModel, Model, Text, Url
from app.integrations.config.reader import SectionReader
from app.integrations.webhook.notifier import WebhookOptions
from app.yamldoc.findings import FieldPath


class WebhookModel(Model):
    """A URL that gets Alertmanager's JSON."""

    url: Url | None = None
    url_file: FilePath | None = None
    url_env: Text | None = None
    secret_file: FilePath | None = None
    secret_env: Text | None = None
    headers: dict[Text, HeaderModel] = Field(default_factory=dict)
    trace_context: bool = False
    http_config: HttpModel | None = None


def resolve_webhook(model: WebhookModel, at: FieldPath, reader: SectionReader) -> WebhookOptions | None:
    """The options of the section; None, and a finding, where they are not usable."""
    url = reader.url(model.url, model.url_file, model.url_env, at)
    signed = model.secret_file is not None or model.secret_env is not None
    headers = reader.http.headers(model.headers, (*at, "headers"))
    return (
        None
        if url is None
        else WebhookOptions(
            url=url,
            secret=reader.loader.secret(model.secret_file, model.secret_env, at, "secret") if signed else None,
            headers=headers,
            trace_context=model.trace_context,
        )
    )
