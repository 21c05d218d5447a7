"""The section `sources`: what it means, and what is said of mistakes; and the documents that name them."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.documents import Defaults, load_documents
from app.http.secrets import FileSecret, FixedSecret
from app.integrations import LoadedConfig, load_config
from app.prometheus import CloudLogin, GoogleLogin, ManagedIdentityLogin, OAuth2Login, SigV4Login
from app.service.source_clients import known_sources
from app.settings import load_settings
from app.slo import DEFAULT_SOURCE, SourceKind

SECTION = """
sources:
  - name: eu
    url: https://prometheus.eu.example
    http_config: {basic_auth: {username: sloburn, password_file: secret}}
  - name: us
    kind: prometheus
    url: https://mimir.example/prometheus
    http_config: {authorization: {credentials_env: TOKEN}}
    headers: {X-Scope-OrgID: us, X-Key: {env: KEY}}
    query_offset: 65s
    concurrency: 4
    timeout: 8s
"""
SLO = "{name: NAME, objective: 99, window: 7d, sli: {total: a_total, bad: b_total}}"


def _load(text: str, folder: Path) -> LoadedConfig:
    (folder / "secret").write_text("of-a-file")
    (folder / "sloburn.yaml").write_text(text)
    return load_config(folder / "sloburn.yaml", environment={"TOKEN": "of-the-environment", "KEY": "k"})


def test_what_a_source_says(tmp_path: Path) -> None:
    loaded = _load(SECTION, tmp_path)
    assert not loaded.errors
    eu, us = loaded.config.sources
    assert (eu.http.username, eu.http.password_file) == ("sloburn", tmp_path / "secret")
    assert (us.http.bearer_token, dict(us.http.headers)) == (
        "of-the-environment",
        {"X-Scope-OrgID": "us", "X-Key": "k"},
    )
    assert (us.query_offset, us.concurrency, us.timeout) == (timedelta(seconds=65), 4, timedelta(seconds=8))
    assert "of-the-environment" not in repr(loaded)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        ("{name: eu}", "sources[0].url"),
        ("{name: eu, url: http://a, kind: graphite}", "sources[0].kind"),
        ("{name: eu, url: http://a, timeout: 10m}", "sources[0].timeout"),
        ("{name: eu, url: http://a, concurrency: 1000}", "sources[0].concurrency"),
        ("{name: eu, url: http://a, http_config: {proxy_url: http://p:1}}", "sources[0].http_config.proxy_url"),
        ("{name: eu, url: http://a}, {name: eu, url: http://b}", "sources[1].name"),
    ],
)
def test_mistakes_are_named_with_their_place(source: str, field: str, tmp_path: Path) -> None:
    (error,) = _load(f"sources: [{source}]", tmp_path).errors
    assert error.field == field


@pytest.mark.parametrize(
    ("section", "setting", "known"),
    [
        ("", None, (DEFAULT_SOURCE,)),
        (SECTION, None, ("eu", "us")),
        (SECTION, "http://p:9090", ("eu", "us", DEFAULT_SOURCE)),
        ("sources: [{name: default, url: http://a}]", "http://p:9090", (DEFAULT_SOURCE,)),
    ],
)
def test_the_default_source_is_that_of_the_setting_where_it_is_meant(
    section: str, setting: str | None, known: tuple[str, ...], tmp_path: Path
) -> None:
    settings = load_settings({} if setting is None else {"prometheus_url": setting})
    found = known_sources(settings, _load(section, tmp_path))
    assert found == dict.fromkeys(known, SourceKind.PROMETHEUS)


def _documents(
    text: str, sources: tuple[str, ...] | None, folder: Path
) -> tuple[dict[str, str], list[tuple[int, str]]]:
    """The sources of the SLOs by their names; and the lines and fields of the errors."""
    (folder / "checkout.yaml").write_text(text)
    kinds = {**dict.fromkeys(sources or (), SourceKind.PROMETHEUS), "dd": SourceKind.DATADOG}
    loaded = load_documents(folder / "checkout.yaml", defaults=Defaults(sources=None if sources is None else kinds))
    return {slo.name: slo.sli.source for slo in loaded.slos}, [(one.line, one.field) for one in loaded.errors]


def test_documents_and_slos_choose_their_source(tmp_path: Path) -> None:
    """The SLO's own wins; a group's aggregate and slices are of the same source."""
    first, second = SLO.replace("NAME", "a"), SLO.replace("NAME, ", "b, source: us, ")
    text = f"service: shop\nsource: eu\nslos:\n  - {first}\n  - {second}\n"
    found, errors = _documents(text, ("eu", "us"), tmp_path)
    assert (found, errors) == ({"a": "eu", "b": "us"}, [])


def test_an_unknown_source_is_an_error_of_the_document(tmp_path: Path) -> None:
    """At the line that names it, once for all SLOs of a document; or at the SLO that names none."""
    first, second = SLO.replace("NAME", "a"), SLO.replace("NAME, ", "b, source: uk, ")
    text = f"service: shop\nsource: euu\nslos:\n  - {first}\n  - {second}\n"
    assert _documents(text, ("eu", "us"), tmp_path)[1] == [(2, "source"), (5, "slos[1].source")]
    assert _documents(f"service: shop\nslos: [{first}]\n", ("eu", "us"), tmp_path)[1] == [(2, "slos[0].name")]
    assert _documents(text, None, tmp_path)[1] == []


QUERIES = "{total: 'sum:a{*}.as_count()', bad: 'sum:b{*}.as_count()'}"
COUNTS = f"{{name: NAME, objective: 99, window: 7d, sli: {{datadog: {QUERIES}}}}}"


def test_queries_are_in_the_language_of_their_source(tmp_path: Path) -> None:
    """PromQL is none of Datadog's, nor its queries PromQL; a source of several that does not fit is named."""
    counts, promql = COUNTS.replace("NAME, ", "a, source: dd, "), SLO.replace("NAME, ", "b, source: eu, ")
    found, errors = _documents(f"service: shop\nslos:\n  - {counts}\n  - {promql}\n", ("eu",), tmp_path)
    assert (found, errors) == ({"a": "dd", "b": "eu"}, [])
    for slo in (
        COUNTS.replace("NAME, ", "a, source: eu, "),
        SLO.replace("NAME, ", "b, source: dd, "),
        SLO.replace("NAME, ", "b, source: [eu, dd], "),
    ):
        assert _documents(f"service: shop\nslos:\n  - {slo}\n", ("eu",), tmp_path)[1] == [(3, "slos[0].source")]
    nameless = COUNTS.replace("NAME", "a")
    assert _documents(f"service: shop\nslos:\n  - {nameless}\n", (DEFAULT_SOURCE,), tmp_path)[1] == [
        (3, "slos[0].name")
    ]


DATADOG = "kind: datadog, api_key_env: TOKEN, application_key_env: KEY"
NEWRELIC = "kind: newrelic, account_id: 7, user_key_env: TOKEN"


@pytest.mark.parametrize(
    ("keys", "url", "headers"),
    [
        (DATADOG, "https://api.datadoghq.com", {"DD-API-KEY": "of-the-environment", "DD-APPLICATION-KEY": "k"}),
        (f"{DATADOG}, site: us5.datadoghq.com", "https://api.us5.datadoghq.com", None),
        (f"{DATADOG}, url: 'http://proxy/datadog'", "http://proxy/datadog", None),
        (NEWRELIC, "https://api.newrelic.com", {"API-Key": "of-the-environment"}),
        (f"{NEWRELIC}, region: eu", "https://api.eu.newrelic.com", None),
    ],
)
def test_services_that_count_have_addresses_and_keys(
    keys: str, url: str, headers: dict[str, str] | None, tmp_path: Path
) -> None:
    """Keys are headers, which nothing shows; numbers come late unless the file says otherwise."""
    loaded = _load(f"sources: [{{name: dd, {keys}}}]", tmp_path)
    assert not loaded.errors
    (found,) = loaded.config.sources
    assert found.http.base_url == url
    assert headers is None or dict(found.http.headers) == headers
    assert (found.query_offset, found.settle) == (timedelta(minutes=2), timedelta(minutes=15))
    assert "of-the-environment" not in repr(loaded)


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ("kind: datadog, api_key_env: TOKEN", ""),
        (f"{DATADOG}, site: datadog.example", ".site"),
        (f"{DATADOG}, site: datadoghq.eu, url: 'http://a'", ".site"),
        (f"{DATADOG}, account_id: 7", ".account_id"),
        (f"{DATADOG}, sigv4: {{region: r}}", ".sigv4"),
        (f"{DATADOG}, settle: 1m", ".settle"),
        ("kind: newrelic, user_key_env: TOKEN", ".account_id"),
        (f"{NEWRELIC}, region: mars", ".region"),
        (f"{NEWRELIC}, http_config: {{authorization: {{credentials_env: TOKEN}}}}", ".http_config.authorization"),
        ("url: 'http://a', settle: 10m", ".settle"),
        ("url: 'http://a', api_key_env: TOKEN", ".api_key_env"),
    ],
)
def test_mistakes_about_services_that_count_are_named(keys: str, field: str, tmp_path: Path) -> None:
    (error,) = _load(f"sources: [{{name: dd, {keys}}}]", tmp_path).errors
    assert error.field == f"sources[0]{field}"


@pytest.mark.parametrize(
    ("keys", "login"),
    [
        (
            "sigv4: {region: eu-central-1, role_arn: arn, external_id: x}",
            SigV4Login(region="eu-central-1", role_arn="arn", external_id="x"),
        ),
        (
            "azuread: {cloud: AzureChina, managed_identity: {client_id: id}}",
            ManagedIdentityLogin(resource="https://prometheus.monitor.azure.cn", client_id="id"),
        ),
        (
            "azuread: {oauth: {client_id: c, tenant_id: t, client_secret_env: TOKEN}}",
            OAuth2Login(
                token_url="https://login.microsoftonline.com/t/oauth2/v2.0/token",  # noqa: S106  an address
                client_id="c",
                client_secret=FixedSecret("of-the-environment"),
                scope="https://prometheus.monitor.azure.com/.default",
            ),
        ),
        (
            "azuread: {workload_identity: {client_id: c, tenant_id: t, token_file_path: /token}}",
            OAuth2Login(
                token_url="https://login.microsoftonline.com/t/oauth2/v2.0/token",  # noqa: S106  an address
                client_id="c",
                assertion=FileSecret(Path("/token")),
                scope="https://prometheus.monitor.azure.com/.default",
            ),
        ),
        ("google_iam: {credentials_file: /key.json}", GoogleLogin(credentials_file=Path("/key.json"))),
        (
            "oauth2: {client_id: c, client_secret_env: TOKEN, token_url: 'https://idp/token', scopes: [a, b]}",
            OAuth2Login(
                token_url="https://idp/token",  # noqa: S106  an address
                client_id="c",
                client_secret=FixedSecret("of-the-environment"),
                scope="a b",
            ),
        ),
    ],
    ids=["sigv4", "managed identity", "client secret", "workload identity", "google", "oauth2"],
)
def test_a_source_logs_in_as_clouds_want_it(keys: str, login: CloudLogin, tmp_path: Path) -> None:
    loaded = _load(f"sources: [{{name: eu, url: 'https://a', {keys}}}]", tmp_path)
    assert not loaded.errors
    assert loaded.config.sources[0].http.cloud == login
    assert "of-the-environment" not in repr(loaded)


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ("sigv4: {region: r}, google_iam: {}", "google_iam"),
        ("sigv4: {region: r}, http_config: {authorization: {credentials_env: TOKEN}}", "http_config"),
        ("sigv4: {region: r, access_key: a}", "sigv4"),
        ("sigv4: {region: r, external_id: x}", "sigv4.external_id"),
        ("sigv4: {}", "sigv4.region"),
        ("azuread: {}", "azuread"),
        ("azuread: {managed_identity: {}, workload_identity: {}}", "azuread"),
        ("azuread: {cloud: Mars, managed_identity: {}}", "azuread.cloud"),
        ("azuread: {workload_identity: {client_id: c, tenant_id: t}}", "azuread.workload_identity.token_file_path"),
        ("oauth2: {client_id: c, token_url: 'https://idp'}", "oauth2"),
    ],
)
def test_mistakes_in_logging_in_are_named(keys: str, field: str, tmp_path: Path) -> None:
    (error,) = _load(f"sources: [{{name: eu, url: 'https://a', {keys}}}]", tmp_path).errors
    assert error.field == f"sources[0].{field}"
