"""Keys of sources of the kinds datadog and newrelic: which of their addresses, and the keys that they ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from app.http.secrets import Secret
from app.integrations.config.secret_loader import SecretLoader
from app.slo import SourceKind
from app.yamldoc import scalars
from app.yamldoc.findings import FieldPath

COUNTED_AFTER: Final = timedelta(minutes=2)
"""How long after its end an interval is asked for, without `query_offset`: New Relic's own alerts wait as long."""
COUNTS_SETTLE: Final = timedelta(minutes=15)
"""How late a number may be without `settle`: what agents and integrations of clouds send late is there by then."""
# Source: https://docs.datadoghq.com/getting_started/site/
_SITES = frozenset(
    {
        "datadoghq.com",
        "us3.datadoghq.com",
        "us5.datadoghq.com",
        "datadoghq.eu",
        "ap1.datadoghq.com",
        "ap2.datadoghq.com",
        "uk1.datadoghq.com",
        "ddog-gov.com",
    }
)
_OF_DATADOG = ("site", "api_key_file", "api_key_env", "application_key_file", "application_key_env")
_OF_NEWRELIC = ("region", "account_id", "user_key_file", "user_key_env")
NO_URL: Final = "https://invalid.invalid"
"""Stands for an address where none is known, so that the rest of the file is checked too."""


class NewRelicRegion(StrEnum):
    """Where an account's data is."""

    US = "us"
    EU = "eu"
    JP = "jp"


_ADDRESSES = {
    NewRelicRegion.US: ("https://api.newrelic.com", "https://one.newrelic.com"),
    NewRelicRegion.EU: ("https://api.eu.newrelic.com", "https://one.eu.newrelic.com"),
    NewRelicRegion.JP: ("https://api.jp.newrelic.com", "https://one.jp.newrelic.com"),
}


def read_region(value: Any) -> NewRelicRegion:
    """Where an account's data is."""
    return scalars.read_choice(NewRelicRegion, value, "a region of New Relic")


class CountServiceModel(Protocol):
    """The keys that are read here."""

    kind: SourceKind
    url: str | None
    site: str | None
    api_key_file: Path | None
    api_key_env: str | None
    application_key_file: Path | None
    application_key_env: str | None
    region: NewRelicRegion | None
    account_id: int | None
    user_key_file: Path | None
    user_key_env: str | None
    settle: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAddress:
    """Where a source is asked and looked at, and the headers with its keys."""

    url: str
    external_url: str
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)


def resolve_service(model: CountServiceModel, at: FieldPath, loader: SecretLoader) -> ServiceAddress:
    """The address and the keys of a source of any kind; what is wrong with them is noted in the *loader*."""
    _check_keys(model, at, loader)
    if model.kind is SourceKind.DATADOG:
        return _datadog(model, at, loader)
    if model.kind is SourceKind.NEWRELIC:
        return _newrelic(model, at, loader)
    if model.url is None:
        loader.add_finding((*at, "url"), "is missing", "write url: http://prometheus:9090")
    url = model.url or NO_URL
    return ServiceAddress(url=url, external_url=url)


def _check_keys(model: CountServiceModel, at: FieldPath, loader: SecretLoader) -> None:
    """Note keys that another kind of source has."""
    own = {SourceKind.DATADOG: _OF_DATADOG, SourceKind.NEWRELIC: _OF_NEWRELIC}
    for kind, names in own.items():
        for name in names:
            if kind is not model.kind and getattr(model, name) is not None:
                loader.add_finding((*at, name), f"is a key of kind: {kind}", f"write kind: {kind}, or remove it")
    if model.kind is SourceKind.PROMETHEUS:
        if model.settle is not None:
            remedy = "set SLOBURN_SETTLE, which is of all Prometheis"
            loader.add_finding((*at, "settle"), "is a key of sources that count in intervals", remedy)
        return
    for name in ("sigv4", "azuread", "google_iam", "oauth2"):
        if getattr(model, name, None) is not None:
            loader.add_finding((*at, name), f"is not read for kind: {model.kind}", "remove it")
    http = getattr(model, "http_config", None)
    for name in () if http is None else ("basic_auth", "authorization"):
        if getattr(http, name, None) is not None:
            problem = f"is no way to log in to kind: {model.kind}"
            loader.add_finding((*at, "http_config", name), problem, "remove it, and write the files of its keys")


def _datadog(model: CountServiceModel, at: FieldPath, loader: SecretLoader) -> ServiceAddress:
    keys = {
        "DD-API-KEY": loader.secret(model.api_key_file, model.api_key_env, at, "api_key"),
        "DD-APPLICATION-KEY": loader.secret(
            model.application_key_file, model.application_key_env, at, "application_key"
        ),
    }
    site = (model.site or "datadoghq.com").lower()
    if model.site is not None and model.url is not None:
        loader.add_finding((*at, "site"), "excludes url", "write one of them")
    elif site not in _SITES:
        loader.add_finding((*at, "site"), "is not a site of Datadog", f"write one of {', '.join(sorted(_SITES))}")
        site = "datadoghq.com"
    app = f"https://app.{site}" if site.count(".") == 1 else f"https://{site}"
    return ServiceAddress(url=model.url or f"https://api.{site}", external_url=model.url or app, keys=_given(keys))


def _newrelic(model: CountServiceModel, at: FieldPath, loader: SecretLoader) -> ServiceAddress:
    keys = {"API-Key": loader.secret(model.user_key_file, model.user_key_env, at, "user_key")}
    if model.account_id is None:
        loader.add_finding((*at, "account_id"), "is missing", "write the number of the account")
    if model.region is not None and model.url is not None:
        loader.add_finding((*at, "region"), "excludes url", "write one of them")
    url, external_url = _ADDRESSES[model.region or NewRelicRegion.US]
    return ServiceAddress(url=model.url or url, external_url=model.url or external_url, keys=_given(keys))


def _given(keys: Mapping[str, Secret | None]) -> Mapping[str, Secret]:
    return {name: secret for name, secret in keys.items() if secret is not None}
