"""The section `email` of a receiver."""

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from app.http.request_options import HttpOptions, ProxyOptions
from app.integrations.config.fields import FilePath, Model, Text, Url, Whole
from app.integrations.config.reader import SectionReader
from app.integrations.email.mime import parse_mailbox
from app.integrations.email.notifier import Encryption, MailOptions
from app.yamldoc import scalars
from app.yamldoc.findings import FieldPath
from app.yamldoc.scalars import refuse


def _encryption(value: Any) -> Encryption:
    try:
        return Encryption(scalars.read_text(value).lower())
    except ValueError:
        raise refuse(f"{value!r} is no encryption", "write starttls, tls or off") from None


def _mail_address(value: Any) -> str:
    text = scalars.read_text(value)
    try:
        parse_mailbox(text)
    except ValueError as error:
        raise refuse(str(error), "write someone@example.org, or Name <someone@example.org>") from None
    return text


def _mail_host(value: Any) -> str:
    text = scalars.read_text(value)
    host, colon, port = text.rpartition(":")
    # An IPv6 address has more colons.
    if colon and ":" not in host and port.isdecimal():
        raise refuse(f"{text!r} holds a port", f"write host: {host} and port: {port}")
    if "/" in text:
        raise refuse(f"{text!r} is not a host", "write its name or address, such as smtp.example.org")
    return text


MailAddress = Annotated[str, PlainValidator(_mail_address)]


class EmailModel(Model):
    """A mail server, and who is written to."""

    host: Annotated[str, PlainValidator(_mail_host)]
    port: Whole | None = None
    encryption: Annotated[Encryption, PlainValidator(_encryption)] = Encryption.STARTTLS
    sender: MailAddress = Field(alias="from")
    to: tuple[MailAddress, ...] = Field(min_length=1)
    username: Text | None = None
    password_file: FilePath | None = None
    password_env: Text | None = None
    proxy_url: Url | None = None
    proxy_url_file: FilePath | None = None
    proxy_url_env: Text | None = None


def resolve_email(model: EmailModel, at: FieldPath, reader: SectionReader) -> MailOptions:
    """The options of the section."""
    secret = model.password_file is not None or model.password_env is not None
    if (model.username is not None) is not secret:
        missing = "password_file" if model.username is not None else "username"
        reader.loader.add_finding((*at, missing), "is missing", "write both username and password_file, or neither")
    return MailOptions(
        sender=model.sender,
        to=model.to,
        host=model.host,
        port=model.port,
        encryption=model.encryption,
        username=model.username,
        password=reader.loader.secret(model.password_file, model.password_env, at, "password") if secret else None,
    )


def resolve_email_proxy(model: EmailModel, at: FieldPath, reader: SectionReader) -> HttpOptions:
    """The proxy that connects to the mail server, if there is one."""
    proxy = reader.http.proxy_url(model.proxy_url, model.proxy_url_file, model.proxy_url_env, at)
    if proxy is not None and (proxy.known() or "").startswith("https:"):
        reader.loader.add_finding((*at, "proxy_url"), "must be an http proxy", "write http://proxy:3128")
    return HttpOptions(proxy=ProxyOptions(http=proxy, https=proxy))
