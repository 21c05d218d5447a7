"""The section `slack` of a receiver."""

from app.integrations.config.fields import FilePath, HttpModel, Model, Text, Url
from app.integrations.config.reader import SectionReader
from app.integrations.slack.notifier import API, SlackBotOptions, SlackWebhookOptions
from app.yamldoc.findings import FieldPath


class SlackModel(Model):
    """An incoming webhook, or a bot and a channel."""

    webhook_url_file: FilePath | None = None
    webhook_url_env: Text | None = None
    bot_token_file: FilePath | None = None
    bot_token_env: Text | None = None
    channel: Text | None = None
    api: Url = API
    http_config: HttpModel | None = None


def resolve_slack(
    model: SlackModel, at: FieldPath, reader: SectionReader
) -> SlackWebhookOptions | SlackBotOptions | None:
    """The options of the section; None, and a finding, where they are not usable."""
    by_hook = model.webhook_url_file or model.webhook_url_env
    by_bot = model.bot_token_file or model.bot_token_env
    if bool(by_hook) == bool(by_bot):
        problem = "has both a webhook and a bot" if by_hook else "has neither a webhook nor a bot"
        reader.loader.add_finding(at, problem, "write webhook_url_file, or bot_token_file and channel")
        return None
    if by_hook:
        url = reader.loader.secret(model.webhook_url_file, model.webhook_url_env, at, "webhook_url")
        return None if url is None else SlackWebhookOptions(url=url)
    token = reader.http.sendable(reader.loader.secret(model.bot_token_file, model.bot_token_env, at, "bot_token"), at)
    if model.channel is None:
        reader.loader.add_finding((*at, "channel"), "is missing", 'write channel: "#alerts", or the id of a channel')
        return None
    return None if token is None else SlackBotOptions(token=token, channel=model.channel, api=model.api)
