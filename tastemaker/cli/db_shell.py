"""`tastemaker db shell`: psql, signed in as the application and asking on behalf of the local user.

Without that claim row-level security shows an empty database.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict

from tastemaker.accounts.current_user import LOCAL_USER
from tastemaker.cli import screen
from tastemaker.cli.db import db_app
from tastemaker.cli.session import at_head
from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db import embedded
from tastemaker.db.access import APP_ROLE, DatabaseUrls
from tastemaker.db.claims import Tenant, claims_json

ENVIRONMENT = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}
NO_PSQL = "There is no psql on this machine. Install PostgreSQL's client, or use `tastemaker db url`."


@dataclass(frozen=True, slots=True)
class Shell:
    """Secrets are in the environment or a file, never in the arguments, which every user can see."""

    command: Sequence[str]
    environment: Mapping[str, str]


@db_app.command()
def shell(
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PSQL ARGUMENTS...]", help="Passed on to psql.")
    ] = None,
    *,
    admin: Annotated[
        bool, typer.Option("--admin", help="Connect as the administrator, who has all rights.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what would be run, as JSON, and run nothing.")
    ] = False,
) -> int:
    """Open psql as the application's role, on behalf of the local user."""
    with at_head() as (settings, access):
        prepared = (
            _embedded(settings.home, admin=admin) if access.embedded else _external(access, admin=admin)
        )
        command = [*prepared.command, *(arguments or [])]
        if as_json:
            shown = {name: value for name, value in prepared.environment.items() if name != "PGPASSWORD"}
            screen.write_json({"command": command, "environment": shown})
            return 0
        return _run(command, prepared.environment)


def _embedded(home: Path, *, admin: bool) -> Shell:
    command = embedded.psql_command(home)
    if command is None:
        raise DatabaseUnavailable(NO_PSQL)
    return Shell(command, {}) if admin else Shell([*command, "--username", APP_ROLE], _claim())


def _external(access: DatabaseUrls, *, admin: bool) -> Shell:
    psql = shutil.which("psql")
    if psql is None:
        raise DatabaseUnavailable(NO_PSQL)
    address = access.admin_url if admin else access.app_url
    if address is None:
        raise DatabaseUnavailable("The administrator's URL is not known. Set DATABASE_ADMIN_URL.")
    parts = {key: str(value) for key, value in conninfo_to_dict(address).items()}
    environment = {ENVIRONMENT[key]: parts.pop(key) for key in list(parts) if key in ENVIRONMENT}
    rest = " ".join(f"{key}='{value}'" for key, value in parts.items())
    return Shell([psql, *([rest] if rest else [])], environment if admin else {**environment, **_claim()})


def _claim() -> dict[str, str]:
    """For the whole session: there is one person at this prompt."""
    return {"PGOPTIONS": f"-c request.jwt.claims={claims_json(Tenant(LOCAL_USER))}"}


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Ctrl-C belongs to psql, which cancels the query with it; a handler here is not inherited."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.call(command, env={**os.environ, **environment})  # noqa: S603 - psql, with the user's own arguments
    finally:
        signal.signal(signal.SIGINT, before)
