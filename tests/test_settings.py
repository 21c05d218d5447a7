import os
import re
import traceback
from datetime import timedelta
from pathlib import Path

import pytest

from app.prometheus import HttpConfig, PartialPolicy
from app.settings import Settings, SettingsError, load_settings
from app.settings.model import variable

ROOT = Path(__file__).parent.parent
CANARY = "canary-51c9"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("SLOBURN_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def problems(overrides: dict[str, object] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_without_anything_set_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.prometheus_url == "http://localhost:9090"
    assert settings.specs == Path("config/slos")
    assert settings.database_url == "sqlite:///data/sloburn.db"
    assert settings.listen_address == "127.0.0.1:9720"
    assert settings.evaluation_interval == timedelta(seconds=30)
    assert settings.query_offset == timedelta(seconds=5)
    assert settings.settle == timedelta(minutes=5)
    assert settings.alertmanager_urls == ()
    assert settings.public_url == "http://127.0.0.1:9720"
    assert settings.prometheus_http() == HttpConfig(url="http://localhost:9090")
    assert settings.warnings == ()


def test_flags_win_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SLOBURN_SPECS=file\nSLOBURN_LOG_LEVEL=error\nSLOBURN_LOG_FORMAT=json\nOTHER=1\n")
    monkeypatch.setenv("SLOBURN_SPECS", "environment")
    monkeypatch.setenv("SLOBURN_LOG_LEVEL", "debug")
    settings = load_settings({"specs": "flag"})
    assert (str(settings.specs), settings.log_level, settings.log_format) == ("flag", "debug", "json")


def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOBURN_EXTERNAL_URL", "")
    monkeypatch.setenv("SLOBURN_EVALUATION_INTERVAL", "")
    assert load_settings().evaluation_interval == timedelta(seconds=30)


@pytest.mark.parametrize(
    "text", ["http://a:9093,http://b:9093/x/", "http://a:9093 http://b:9093/x", '["http://a:9093", "http://b:9093/x"]']
)
def test_alertmanagers_are_a_list_however_it_is_written(text: str) -> None:
    assert load_settings({"alertmanager_urls": text}).alertmanager_urls == ("http://a:9093", "http://b:9093/x")


@pytest.mark.parametrize("text", ["X-Scope-OrgID=a|b, X-Other=c=d", '{"X-Scope-OrgID": "a|b", "X-Other": "c=d"}'])
def test_headers_are_pairs_or_json(text: str) -> None:
    headers = load_settings({"prometheus_headers": text}).prometheus_http().headers
    assert headers == {"X-Scope-OrgID": "a|b", "X-Other": "c=d"}


@pytest.mark.parametrize(("text", "history"), [("full", None), ("off", timedelta(0)), ("7d", timedelta(days=7))])
def test_history_is_all_none_or_a_duration(text: str, history: timedelta | None) -> None:
    settings = load_settings({"backfill": text})
    assert settings.backfill == history
    assert settings.masked()["backfill"] == text


@pytest.mark.parametrize(("text", "every"), [("off", timedelta(0)), ("1m", timedelta(minutes=1))])
def test_looking_for_changed_files_can_be_turned_off(text: str, every: timedelta) -> None:
    settings = load_settings({"watch_interval": text})
    assert settings.watch_interval == every
    assert settings.masked()["watch_interval"] == text


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("127.0.0.1:0", "127.0.0.1", 0), (":9720", "", 9720), ("[::1]:80", "::1", 80), ("slo.local:1", "slo.local", 1)],
)
def test_the_address_to_listen_on(address: str, host: str, port: int) -> None:
    settings = load_settings({"listen_address": address})
    assert (settings.listen_host, settings.listen_port) == (host, port)


def test_the_public_address_is_the_one_given_or_names_this_machine() -> None:
    assert load_settings({"external_url": "https://slo.example/"}).public_url == "https://slo.example"
    assert load_settings({"listen_address": "[::1]:80"}).public_url == "http://[::1]:80"
    assert re.fullmatch(r"http://[^:/]+:9720", load_settings({"listen_address": ":9720"}).public_url)


def test_a_query_never_takes_longer_than_its_slot() -> None:
    assert load_settings().prometheus_limits().timeout == timedelta(seconds=10)
    assert load_settings({"evaluation_interval": "5s"}).prometheus_limits().timeout == timedelta(seconds=4)


def test_every_login_and_tls_setting_reaches_the_client(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("ca", "cert", "key", "password")}
    for path in files.values():
        path.write_text("x")
    config = load_settings(
        {
            "prometheus_username": "anna",
            "prometheus_password_file": str(files["password"]),
            "prometheus_tls_ca_file": str(files["ca"]),
            "prometheus_tls_cert_file": str(files["cert"]),
            "prometheus_tls_key_file": str(files["key"]),
            "prometheus_tls_insecure_skip_verify": "true",
            "prometheus_partial": "accept",
        }
    )
    assert config.prometheus_partial is PartialPolicy.ACCEPT
    assert config.prometheus_http() == HttpConfig(
        url="http://localhost:9090",
        username="anna",
        password_file=files["password"],
        tls_ca_file=files["ca"],
        tls_cert_file=files["cert"],
        tls_key_file=files["key"],
        tls_insecure_skip_verify=True,
    )
    assert load_settings({"prometheus_bearer_token": "t"}).prometheus_http().bearer_token == "t"  # noqa: S105  # made up


def test_secrets_of_our_own_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "database").write_text("postgresql://anna:secret@db/slo\n")
    settings = load_settings(
        {"api_token_file": str(tmp_path / "token"), "database_url_file": str(tmp_path / "database")}
    )
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "t0ken"
    assert settings.database_url == "postgresql://anna:secret@db/slo"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("prometheus_url", "localhost:9090", "'localhost:9090' is not an http or https URL: write something like"),
        ("prometheus_url", "http://[::1", "not a URL"),
        ("prometheus_url", "http://host:99999", "not a URL"),
        ("prometheus_url", f"http://anna:{CANARY}@host", "a URL must not hold credentials"),
        ("prometheus_url", f"anna:{CANARY}@host", "a URL must not hold credentials"),
        ("prometheus_url", f"http://host?token={CANARY}", "must not have a query"),
        ("alertmanager_urls", "http://a b", "'b' is not an http or https URL"),
        ("alertmanager_urls", "[1", "not JSON"),
        ("evaluation_interval", "30", "'30' is not a duration: write a number and a unit"),
        ("evaluation_interval", "4s", "write whole seconds from 5s to 5m"),
        ("evaluation_interval", "10m", "write whole seconds from 5s to 5m"),
        ("evaluation_interval", "5500ms", "write whole seconds from 5s to 5m"),
        ("evaluation_interval", "7s", "does not divide five minutes: write one that does"),
        ("query_offset", "1d", "write a duration from 0s to 1h"),
        ("listen_address", "9720", "is not host:port: write 127.0.0.1:9720"),
        ("listen_address", "host:99999", "is not host:port"),
        ("listen_address", "::1:80", "is not host:port"),
        ("prometheus_headers", CANARY, "not pairs: write X-Scope-OrgID=team-a"),
        ("prometheus_headers", f"X Y={CANARY}", "the header 'X Y' cannot be sent"),
        ("prometheus_headers", "[]", "not pairs"),
        ("prometheus_headers", '{"a": ', "not JSON"),
        ("prometheus_partial", "maybe", "unknown value; write 'provisional', 'accept' or 'reject'"),
        ("prometheus_tls_insecure_skip_verify", "perhaps", "write true or false"),
        ("prometheus_tls_ca_file", "/no/such/file", "/no/such/file cannot be read, No such file or directory"),
        ("prometheus_bearer_token_file", "/no/such/file", "/no/such/file cannot be read"),
        ("api_token_file", "/no/such/file", "/no/such/file cannot be read"),
        ("log_format", "xml", "unknown value; write 'text' or 'json'"),
        ("database_url", f"mysql://anna:{CANARY}@db", "not a database: write sqlite:///"),
        ("backfill", "everything", "write full, off, or a duration"),
        ("watch_interval", "0", "write off, or a duration such as 10s"),
        ("watch_interval", "2h", "write a duration from 1s to 1h, or off"),
        ("forward_auth_networks", "10.0.0.7/8", "is not a network: write one such as"),
        ("forward_auth_networks", "0.0.0.0/0", "is everybody, who could then be anybody"),
        ("forward_auth_user_header", "X User", "is not the name of a header"),
        ("forward_auth_roles", "sre=root", "are not scopes: write some of read"),
        ("forward_auth_roles", "=read", "not groups with scopes"),
    ],
)
def test_a_mistake_is_one_line_with_the_name_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, line: str
) -> None:
    monkeypatch.setenv(variable(name), text)
    said = problems()
    assert said.startswith(f"{variable(name)}: ")
    assert line in said
    assert "\n" not in said
    assert CANARY not in said


def test_all_mistakes_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOBURN_PROMETHEUS_URL", "x")
    monkeypatch.setenv("SLOBURN_QUERY_OFFSET", "x")
    lines = problems({"log_level": "x"}).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "SLOBURN_PROMETHEUS_URL",
        "SLOBURN_QUERY_OFFSET",
        "--log-level",
    ]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"prometheus_password": CANARY, "prometheus_bearer_token": CANARY}, "PROMETHEUS_PASSWORD: given together"),
        ({"prometheus_password": CANARY}, "PROMETHEUS_USERNAME: missing beside a password"),
        ({"prometheus_username": "a", "prometheus_bearer_token": CANARY}, "PROMETHEUS_USERNAME: given together"),
        ({"prometheus_tls_key_file": __file__}, "PROMETHEUS_TLS_CERT_FILE: missing beside a key"),
        ({"api_token": CANARY, "api_token_file": __file__}, "API_TOKEN: given together with SLOBURN_API_TOKEN_FILE"),
    ],
)
def test_what_cannot_hold_together_is_said(given: dict[str, object], line: str) -> None:
    said = problems(given)
    assert said.startswith(f"SLOBURN_{line}")
    assert CANARY not in said


def test_a_file_of_settings_that_is_not_text_is_said() -> None:
    Path(".env").write_bytes(b"SLOBURN_SPECS=\xff\xfe\n")
    assert problems() == ".env: cannot be read, it is not UTF-8 text; correct or remove it"


def test_variables_that_nobody_reads_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOBURN_PROMETEUS_URL", "http://x")
    Path(".env").write_text("SLOBURN_COLOUR=red\n")
    assert load_settings().warnings == (
        "SLOBURN_COLOUR is not a setting and has no effect",
        "SLOBURN_PROMETEUS_URL is not a setting and has no effect; did you mean SLOBURN_PROMETHEUS_URL?",
    )


def test_secrets_are_neither_shown_nor_raised(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    settings = load_settings(
        {
            "prometheus_username": "anna",
            "prometheus_password": CANARY,
            "prometheus_headers": f"X-Key={CANARY}",
            "api_token_file": str(secret),
            "database_url": f"postgresql://anna:{CANARY}@db/slo?sslpassword={CANARY}&application_name=slo",
        }
    )
    masked = settings.masked()
    assert CANARY not in repr(settings) + str(settings) + repr(masked) + repr(settings.prometheus_http())
    assert masked["prometheus_password"] == masked["api_token"] == "<secret>"  # noqa: S105  # the mask
    assert masked["prometheus_headers"] == "X-Key=<secret>"
    assert masked["database_url"] == "postgresql://anna:<secret>@db/slo?sslpassword=<secret>&application_name=slo"
    assert masked["prometheus_username"] == "anna"
    with pytest.raises(SettingsError) as caught:
        load_settings({"prometheus_password": CANARY, "prometheus_url": f"ftp://{CANARY}@x"})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url", ["postgresql://anna:p@xx@db/slo", "postgresql://:p@xx@db/slo", "postgresql://db/slo?user=a&password=p@xx"]
)
def test_no_password_of_a_database_is_shown(url: str) -> None:
    assert "xx" not in load_settings({"database_url": url}).masked()["database_url"]


def test_the_documentation_has_every_setting_with_its_default_and_meaning() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    table = re.findall(r"^\| `(SLOBURN_\w+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    defaults = load_settings().masked()
    expected = [
        (variable(name), f"`{defaults[name]}`" if defaults[name] else "", field.description)
        for name, field in Settings.model_fields.items()
    ]
    assert table == expected


def test_the_example_has_every_setting_with_its_default() -> None:
    defaults = load_settings().masked()
    text = (ROOT / ".env.example").read_text()
    lines = re.findall(r"^# (SLOBURN_\w+)=(.*)$", text, re.MULTILINE)
    assert dict(lines) == {variable(name): value for name, value in defaults.items()}
    # The first paragraph is about the file; each other one is a setting and what it means.
    paragraphs = text.strip().split("\n\n")[1:]
    assert len(paragraphs) == len(lines)
    assert [one for one in paragraphs if not re.fullmatch(r"(# [^\n]+\n)+# SLOBURN_\w+=[^\n]*", one)] == []
