"""`sloburn serve`: the service, with a flag for every setting that is no secret."""

import inspect
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from app.cli.configuration import settings_for
from app.settings import Settings, flag

_METAVARS = {
    "prometheus_url": "URL",
    "prometheus_external_url": "URL",
    "prometheus_username": "NAME",
    "prometheus_timeout": "DURATION",
    "prometheus_partial": "POLICY",
    "specs": "PATH",
    "default_window": "DURATION",
    "watch_interval": "DURATION",
    "kubernetes_kinds": "KINDS",
    "kubernetes_namespaces": "NAMES",
    "kubernetes_label": "SELECTOR",
    "kubernetes_url": "URL",
    "database_url": "URL",
    "listen_address": "HOST:PORT",
    "external_url": "URL",
    "anonymous_metrics": "BOOLEAN",
    "token_failures_per_minute": "N",
    "changes_per_minute": "N",
    "forward_auth_networks": "NETWORKS",
    "forward_auth_user_header": "NAME",
    "forward_auth_groups_header": "NAME",
    "forward_auth_roles": "ROLES",
    "jwt_jwks_url": "URL",
    "jwt_issuer": "TEXT",
    "jwt_audience": "TEXT",
    "jwt_user_claim": "NAME",
    "jwt_groups_claim": "NAME",
    "metric_names": "NAMES",
    "evaluation_interval": "DURATION",
    "query_offset": "DURATION",
    "settle": "DURATION",
    "backfill": "DURATION",
    "alertmanager_urls": "URLS",
    "alertmanager_external_url": "URL",
    "config": "FILE",
    "mcp_hosts": "HOSTS",
    "log_format": "FORMAT",
    "log_level": "LEVEL",
}
# Every setting's default as a person would write it; none where nothing is set.
_DEFAULTS = Settings.model_construct().masked()


def serve(**flags: str | bool | None) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    Every setting is a flag, an environment variable (SLOBURN_PROMETHEUS_URL) or a line in .env; a flag wins. Secrets
    are read from the environment and from files only.

    Exit code 0: stopped by a signal; 2: flags, settings or files keep it from starting; 3: the database is damaged;
    4: a newer version has written the database.

    Example: sloburn serve --prometheus-url http://localhost:9090
    """
    settings = settings_for(flags)
    # Only this command needs the whole service; the others start faster without it.
    from app.service import run  # noqa: PLC0415

    raise typer.Exit(run(settings))


def _parameters() -> list[inspect.Parameter]:
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_flag(name, field))
        for name, field in Settings.model_fields.items()
        # A secret on the command line can be read by every user of the machine.
        if SecretStr not in _types(field.annotation)
    ]


def _flag(name: str, field: Any) -> Any:
    default = _DEFAULTS[name]
    if field.annotation is bool:
        return Annotated[bool | None, typer.Option(flag(name), help=field.description, show_default=False)]
    text = f"{field.description}  [default: {default}]" if default else field.description
    metavar = "FILE" if name.endswith("_file") else _METAVARS[name]
    return Annotated[str | None, typer.Option(flag(name), help=text, show_default=False, metavar=metavar)]


def _types(annotation: Any) -> set[Any]:
    return {annotation, *getattr(annotation, "__args__", ())}


# Typer reads flags off the signature; a copy of the settings by hand would drift from them.
serve.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
serve.__annotations__ = {parameter.name: parameter.annotation for parameter in _parameters()}
