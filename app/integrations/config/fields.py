"""Values and parts that several sections of the file share; secrets are named, never written."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

from app.yamldoc import scalars
from app.yamldoc.findings import FieldFinding
from app.yamldoc.scalars import refuse
from app.yamldoc.tree import BooleanText, NumberText


def _url(value: Any) -> str:
    text = scalars.read_text(value)
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(map(str.isspace, text))
        parts.port  # noqa: B018  raises if it is none
    except ValueError:
        valid = False
        parts = urlsplit("")
    if not valid:
        raise refuse("is not an http or https URL", "write something like https://example.org/hook")
    if "@" in parts.netloc:
        raise refuse("holds a user or a password", "write it without them, and keep secrets in a file")
    return text


def _whole(value: Any) -> int:
    text = str(value)
    if not isinstance(value, NumberText) or not text.isdecimal() or int(text) < 1:
        raise refuse("is not a whole number above zero", "write a number such as 20")
    return int(text)


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, BooleanText):
        raise refuse("is neither true nor false", "write true or false")
    return value.lower() == "true"


def _duration(value: Any) -> timedelta:
    return scalars.read_duration(value)


def _no_proxy(value: Any) -> tuple[str, ...]:
    entries = (entry.strip() for text in scalars.read_one_or_more(value) for entry in text.split(","))
    return tuple(entry for entry in entries if entry)


Text = Annotated[str, PlainValidator(scalars.read_text)]
Name = Annotated[str, PlainValidator(scalars.read_name)]
LabelName = Annotated[str, PlainValidator(scalars.read_label_name)]
Url = Annotated[str, PlainValidator(_url)]
Whole = Annotated[int, PlainValidator(_whole)]
YesOrNo = Annotated[bool, PlainValidator(_yes_or_no)]
Duration = Annotated[timedelta, PlainValidator(_duration)]
FilePath = Annotated[Path, PlainValidator(lambda value: Path(scalars.read_text(value)))]
OneOrMore = Annotated[tuple[str, ...], PlainValidator(scalars.read_one_or_more)]


class Model(BaseModel):
    """A part of the file: unknown keys are errors."""

    # Validators are built when a document is read: most commands read few of all models, and it takes 0.3 s.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def taken_names(names: Sequence[str], section: str) -> Iterator[FieldFinding]:
    """The names in a section's list that an item before has."""
    for number, name in enumerate(names):
        if name in names[:number]:
            yield FieldFinding((section, number, "name"), f"the name {name} is taken", "write another name")


class HeaderModel(Model):
    """A further header: a plain value, or a secret in a file or in the environment."""

    value: Text | None = None
    file: FilePath | None = None
    env: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, given: Any) -> Any:
        return {"value": given} if isinstance(given, str) else given


class BasicAuthModel(Model):
    """A user and a password."""

    username: Text
    password_file: FilePath | None = None
    password_env: Text | None = None


class AuthorizationModel(Model):
    """A token and its scheme."""

    type: Text = "Bearer"
    credentials_file: FilePath | None = None
    credentials_env: Text | None = None


class TlsModel(Model):
    """Whose certificates are trusted, and which is shown."""

    ca_file: FilePath | None = None
    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    server_name: Text | None = None
    insecure_skip_verify: YesOrNo = False


class ProxyModel(Model):
    """Which way requests go."""

    proxy_url: Url | None = None
    proxy_url_file: FilePath | None = None
    proxy_url_env: Text | None = None
    proxy_from_environment: YesOrNo = False
    no_proxy: Annotated[tuple[str, ...], PlainValidator(_no_proxy)] = ()


class HttpModel(ProxyModel):
    """How requests log in, what they carry, and which way they go."""

    basic_auth: BasicAuthModel | None = None
    authorization: AuthorizationModel | None = None
    tls_config: TlsModel = Field(default_factory=TlsModel)
    headers: dict[Text, HeaderModel] = Field(default_factory=dict)
