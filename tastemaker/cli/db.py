"""`tastemaker db …`: the server, the schema and how to reach them."""

import re
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote, urlencode

import psycopg
import typer
from psycopg.conninfo import conninfo_to_dict
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, show_table
from tastemaker.cli.options import Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.table import Column
from tastemaker.config_store.migrate import migrate_and_declare
from tastemaker.core.display import UNKNOWN, counted, moment, seconds, size
from tastemaker.core.errors import Conflict, DatabaseUnavailable, InvalidInput
from tastemaker.core.settings import Settings, get_settings
from tastemaker.db import embedded
from tastemaker.db.access import (
    DatabaseUrls,
    HalfAdopted,
    RoleWithoutRights,
    database_access,
    find_schema_version,
    refuse_half_adopted,
    schema_refusal,
)
from tastemaker.db.migrate import HEAD, MigrationStep
from tastemaker.db.migrate import history as steps_of
from tastemaker.ops.load_queries import StatementStatistics, TableSize, list_sizes, list_statements

db_app = group("db")

STEP = re.compile(r"\d{4}")
TITLES = {
    "postgresql": "PostgreSQL",
    "url": "URL",
    "pid": "Process",
    "started_at": "Started",
    "users": "In use by",
}
STEP_COLUMNS = (
    Column(title="Step", least=4),
    Column(title="Name", least=20, most=60),
    Column(title="Taken (UTC)", least=16),
)


class Order(StrEnum):
    MEAN = "mean"
    TOTAL = "total"


SIZE_COLUMNS = (
    Column(title="Table", least=12, most=50),
    Column(title="Total", right=True),
    Column(title="Rows", right=True, rank=1),
    Column(title="Table alone", right=True, rank=3),
    Column(title="Outside", right=True, rank=4),
    Column(title="Indexes", right=True, rank=2),
)

STATEMENT_COLUMNS = (
    Column(title="Mean ms", right=True),
    Column(title="Calls", right=True, rank=1),
    Column(title="Total s", right=True, rank=2),
    Column(title="Statement", least=20, most=200),
)


def _size_row(table: TableSize) -> tuple[str, ...]:
    name = table.name if table.schema == "public" else f"{table.schema}.{table.name}"
    parts = (size(table.total), f"{table.rows:,}", size(table.table), size(table.toast), size(table.indexes))
    return (plain(name), *parts)


def _statement_row(statement: StatementStatistics) -> tuple[str, ...]:
    words = plain(" ".join(statement.query.split()))
    return f"{statement.mean_ms:,.2f}", f"{statement.calls:,}", f"{statement.total_ms / 1000:,.1f}", words


SIZES = Listing("tables", SIZE_COLUMNS, _size_row, empty="There is no table.")
STATEMENTS = Listing("statements", STATEMENT_COLUMNS, _statement_row, empty="There is no statement.")


@db_app.command()
def start(*, as_json: Json = False) -> None:
    """Start the embedded server and keep it running until `db stop`."""
    settings = _embedded_settings()
    embedded.start(settings.home, bin_dir=settings.postgres_bin)
    if as_json:
        screen.write_json(_embedded_facts(settings))
    else:
        screen.show("The database runs. `tastemaker db stop` stops it.")


@db_app.command()
def stop(*, as_json: Json = False) -> None:
    """Stop the embedded server, even if it is in use."""
    stopped = embedded.stop(_embedded_settings().home)
    if as_json:
        screen.write_json({"stopped": stopped})
    else:
        screen.show("Stopped." if stopped else "It was not running.")


@db_app.command()
def status(*, as_json: Json = False) -> None:
    """Show the state, location and size of the database. Starts nothing."""
    settings = get_settings()
    facts = _embedded_facts(settings) if settings.database_url is None else _external_facts(settings)
    if as_json:
        screen.write_json(facts)
        return
    for name, value in facts.items():
        if (name, value) == ("refusal", None):
            continue
        shown = _words(name, value)
        screen.show(Text.assemble((f"{TITLES.get(name, name.capitalize()):<12}", "dim"), shown), wraps=False)


@db_app.command()
def url(
    *,
    show_password: Annotated[bool, typer.Option("--show-password", help="Include the password.")] = False,
    as_json: Json = False,
) -> None:
    """Print the URL with which the application connects."""
    settings = get_settings()
    refuse_stopped(settings)
    with database_access(settings) as access:
        address = access.app_url
    shown = address if show_password else without_password(address)
    if as_json:
        screen.write_json({"url": shown})
    else:
        screen.show(shown, wraps=False)


@db_app.command()
def migrate(
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NNNN", help="Stop at this step (default: the last).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Migrate the schema to the last step, or to another."""
    if to is not None and not STEP.fullmatch(to):
        raise InvalidInput(f"A step is four digits, such as {HEAD}; {to[:20]!r} is none.")
    with database_access(get_settings()) as access:
        if access.admin_url is None:
            raise DatabaseUnavailable(
                "Migrations need the administrator. Set DATABASE_ADMIN_URL to a superuser's or the "
                "database owner's URL."
            )

        with psycopg.connect(access.admin_url, connect_timeout=10, autocommit=True) as connection:
            refuse_half_adopted(connection)

        def show_step(name: str, duration: float) -> None:
            if not as_json:
                screen.show(Text.assemble(f"{name}  ", (seconds(duration), "dim")))

        done = migrate_and_declare(
            access.admin_url, app_password=access.app_password, to=to, on_step=show_step
        )
    if as_json:
        screen.write_json(asdict(done))
        return
    for sentence in done.weaker:
        screen.say(sentence, style="yellow")
    taken = (
        f"{counted(len(done.applied), 'step')} in {seconds(done.seconds)}"
        if done.applied
        else "nothing to do"
    )
    screen.show(f"The schema is at {done.after}: {taken}.")


@db_app.command()
def history(*, as_json: Json = False) -> None:
    """Show the migration steps and when this database took them."""
    with database_access(get_settings()) as access:
        if access.admin_url is None:
            raise DatabaseUnavailable("Only the administrator can read the history. Set DATABASE_ADMIN_URL.")
        steps = steps_of(access.admin_url)
    if as_json:
        screen.write_json({"steps": [asdict(step) for step in steps]})
    else:
        show_table(STEP_COLUMNS, [_step_row(step) for step in steps])


@db_app.command()
def sizes(*, limit: Limit = 50, as_json: Json = False) -> None:
    """Show the largest tables: rows, TOAST and indexes."""
    with database_access(get_settings()) as access:
        found = list_sizes(_administrator(access), limit=limit)
    SIZES.show(found, as_json=as_json)


@db_app.command()
def slow(
    *,
    by: Annotated[
        Order, typer.Option("--by", help="Sort by the mean time of a call or by the total time.")
    ] = Order.MEAN,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the slowest statements of pg_stat_statements."""
    with database_access(get_settings()) as access:
        found = list_statements(_administrator(access), by=by.value, limit=limit)
    STATEMENTS.show(found, as_json=as_json)


def _administrator(access: DatabaseUrls) -> str:
    if access.admin_url is None:
        raise DatabaseUnavailable("Only the administrator can read these statistics. Set DATABASE_ADMIN_URL.")
    return access.admin_url


def _step_row(step: MigrationStep) -> tuple[str, str, str]:
    words = step.name.removeprefix(f"{step.number}_").replace("_", " ")
    return (step.number, words, moment(step.applied_at))


def refuse_stopped(settings: Settings) -> None:
    """Raises Conflict when there is no server to talk about."""
    if settings.database_url is None and embedded.status(settings.home).state != "running":
        raise Conflict("The embedded database is not running. `tastemaker db start` starts it.")


def without_password(address: str) -> str:
    """The same address for anybody's eyes."""
    parts = conninfo_to_dict(address)
    user, host, name = parts.pop("user", ""), parts.pop("host", ""), parts.pop("dbname", "")
    parts.pop("password", None)
    if "/" in str(host):  # a socket has no place in the middle of a URL
        parts, host = {"host": host, **parts}, ""
    elif "port" in parts:
        host = f"{host}:{parts.pop('port')}"
    query = urlencode({key: str(value) for key, value in parts.items()}, quote_via=quote)
    signed_in = f"{quote(str(user), safe='')}@" if user else ""
    return f"postgresql://{signed_in}{host}/{quote(str(name), safe='')}" + (f"?{query}" if query else "")


def _embedded_settings() -> Settings:
    settings = get_settings()
    if settings.database_url is not None:
        raise Conflict("DATABASE_URL names a PostgreSQL of your own; there is none for us to start or stop.")
    return settings


def _embedded_facts(settings: Settings) -> dict[str, object]:
    now = embedded.status(settings.home)
    schema = refusal = None
    if now.state == "running":
        with database_access(settings) as access, suppress(psycopg.OperationalError, RoleWithoutRights):
            try:
                schema = find_schema_version(access.app_url)
                refusal = schema_refusal(schema, access)
            except HalfAdopted as half:
                refusal = str(half)
    return {
        "database": "embedded",
        "state": now.state,
        "postgresql": now.version,
        "schema": schema,
        "refusal": refusal,
        "kept": now.kept,
        "users": now.users,
        "pid": now.pid,
        "started_at": now.started_at,
        "size": now.size_bytes,
        "folder": now.data_dir,
    }


def _external_facts(settings: Settings) -> dict[str, object]:
    """Raises DatabaseUnavailable when it cannot be reached."""
    with database_access(settings) as access:
        try:
            with psycopg.connect(access.app_url, connect_timeout=10) as connection:
                version, name = connection.info.server_version, connection.info.dbname
        except psycopg.OperationalError as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            raise DatabaseUnavailable(f"PostgreSQL does not let us in: {lines[-1]}") from None
        try:
            schema = _external_version(access)
            refusal = schema_refusal(schema, access)
        except HalfAdopted as half:
            schema, refusal = None, str(half)
    return {
        "database": "DATABASE_URL",
        "state": "running",
        "postgresql": f"{version // 10_000}.{version % 10_000}",
        "schema": schema,
        "refusal": refusal,
        "url": without_password(access.app_url),
        "name": name,
    }


def _external_version(access: DatabaseUrls) -> str | None:
    """None also where the application's role waits for the administrator to give it its rights."""
    try:
        return find_schema_version(access.app_url)
    except RoleWithoutRights:
        if access.admin_url is None:
            raise
        return None


def _words(name: str, value: object) -> str:
    match name, value:
        case _, None:
            return UNKNOWN
        case "size", int():
            return size(value)
        case "started_at", datetime():
            return f"{moment(value)} UTC"
        case "users", int():
            return counted(value, "process", "processes")
        case "kept", bool():
            return "until `tastemaker db stop`" if value else "while a command uses it"
        case "state", "stale":
            return "stale: the last server was killed; the next start recovers"
        case _:
            return str(value)
