"""`sloburn token`: API tokens, in the database of the service, whether it runs or not."""

import os
import pwd
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.access import (
    AccessScope,
    AccessToken,
    Actor,
    IdentityKind,
    NewToken,
    TokenError,
    begin_deed,
    scope_list,
)
from app.access.scopes import OF_THE_SERVICE
from app.cli.config_file import sound_config
from app.cli.configuration import settings_for
from app.cli.console import EXIT_USAGE, Format, FormatOption, choice_of, errors, fail, output, print_json
from app.cli.service_database import DatabaseUrlOption, service_database
from app.slo.durations import DurationError, parse_duration
from app.status import made_token, record_made, revoke_recorded
from app.store.api_tokens import add_token, load_tokens

app = typer.Typer(
    name="token",
    help="Make, list and revoke API tokens.\n\nExample: sloburn token create ci --scope gate",
    no_args_is_help=True,
)
_NEVER = "never"


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", hidden=True)],
    *,
    scope: Annotated[
        list[AccessScope],
        typer.Option(
            "--scope",
            help="read, metrics, gate, events, adjust, reload or admin; repeatable.",
            metavar="SCOPE",
            parser=choice_of(AccessScope),
        ),
    ],
    service: Annotated[
        list[str],
        typer.Option(
            "--service", help="Only for this service, of gate and events.", metavar="NAME", show_default=False
        ),
    ] = [],  # noqa: B006  typer copies it
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", help="The tenant it belongs to.", metavar="NAME", show_default=False),
    ] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="It sees all tenants.")] = False,
    expires: Annotated[str, typer.Option("--expires", help="Such as 90d, or never.", metavar="DURATION")] = "90d",
    database_url: DatabaseUrlOption = None,
) -> None:
    """Make a token and print it, this once.

    NAME says who has it. Running replicas accept it within a second. Where config/sloburn.yaml has tenants, --tenant
    or --all-tenants says what it sees; admin and reload are for all.

    Example: sloburn token create ci --scope gate --scope events > ci.token
    """
    _check_tenant(tenant, all_tenants=all_tenants or not {*scope}.isdisjoint(OF_THE_SERVICE))
    at = datetime.now(UTC)
    try:
        expires_at = None if expires == _NEVER else at + parse_duration(expires)
    except (DurationError, OverflowError):
        fail(f"--expires: {expires!r} is not a duration; write one such as 90d, or never", code=EXIT_USAGE)
    wanted = NewToken(
        name=name,
        scopes=frozenset(scope),
        services=tuple(service),
        expires_at=expires_at,
        created_by=_user(),
        tenant=tenant or "",
    )
    try:
        made = made_token(wanted, at=at)
        with service_database(database_url) as database, database.begin() as transaction:
            begin_deed(_actor())
            add_token(transaction, made.token)
            record_made(transaction, made.token)
    except TokenError as error:
        fail(str(error), code=EXIT_USAGE)
    # Only the token, so that it can be piped into a file or a secret; nothing else ever prints it.
    typer.echo(made.text)
    errors().print(_line(made.token), markup=False, soft_wrap=True)


def _check_tenant(tenant: str | None, *, all_tenants: bool) -> None:
    """Make sure that a token is for one tenant that there is, or for all on purpose."""
    known = [one.name for one in sound_config(settings_for({})).tenants]
    if tenant is not None and tenant not in known:
        remedy = f"write one of {', '.join(known)}" if known else "config/sloburn.yaml has no tenants"
        fail(f"--tenant: there is no tenant {tenant!r}; {remedy}", code=EXIT_USAGE)
    if known and tenant is None and not all_tenants:
        fail("give --tenant NAME, or --all-tenants for a token that sees all of them", code=EXIT_USAGE)


@app.command("list")
def list_tokens(*, format: FormatOption = Format.TEXT, database_url: DatabaseUrlOption = None) -> None:  # noqa: A002  the contract's name
    """List the tokens: what they allow, when they were used.

    The newest come first. The tokens themselves are kept nowhere.

    Example: sloburn token list --format json
    """
    with service_database(database_url) as database, database.read() as transaction:
        found = load_tokens(transaction)
    if format is Format.JSON:
        # It needs most of the service; to make and to revoke tokens does not.
        from app.api.token_routes import token_document  # noqa: PLC0415

        print_json({"items": [token_document(one) for one in found]})
        return
    for one in found:
        output().print(_line(one), markup=False, soft_wrap=True)
    if not found:
        errors().print("there is no token")


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", hidden=True)],  # noqa: A002  the contract's name
    *,
    database_url: DatabaseUrlOption = None,
) -> None:
    """Revoke a token: within 5 seconds it is accepted nowhere.

    ID is the one that `token list` shows.

    Example: sloburn token revoke 5f2d7c01
    """
    with service_database(database_url) as database, database.begin() as transaction:
        begin_deed(_actor())
        found = revoke_recorded(transaction, id, at=datetime.now(UTC))
    if found is None:
        fail(f"no token has the id {id!r}: sloburn token list shows those that there are")
    output().print(f"{id} {found.name} is revoked", markup=False)


def _actor() -> Actor:
    return Actor(kind=IdentityKind.COMMAND, name=_user())


def _user() -> str:
    try:
        return f"{pwd.getpwuid(os.getuid()).pw_name}, by the command line"
    except KeyError:
        # Containers run as users that have no name.
        return f"user {os.getuid()}, by the command line"


def _line(one: AccessToken) -> str:
    may = ",".join(scope_list(one.scopes)) + (f" for {','.join(one.services)}" if one.services else "")
    may += f" of {one.tenant}" if one.tenant else ""
    if one.revoked_at is not None:
        until = f"revoked {one.revoked_at:%Y-%m-%dT%H:%M:%SZ}"
    else:
        until = "never expires" if one.expires_at is None else f"expires {one.expires_at:%Y-%m-%dT%H:%M:%SZ}"
    used = "never used" if one.last_used_at is None else f"used {one.last_used_at:%Y-%m-%dT%H:%M:%SZ}"
    return f"{one.id}  {one.hint}…  {one.name}  {may}  {until}  {used}"
