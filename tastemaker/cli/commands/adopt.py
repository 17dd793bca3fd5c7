from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli.help_page import Json


class Orphans(StrEnum):
    USERS = "users"
    LEAVE = "leave"


class TestEra(StrEnum):
    KEEP = "keep"
    FIT = "fit"


def adopt(
    database_url: Annotated[
        str, typer.Argument(metavar="DATABASE_URL", help="The original's database, as its owner, directly.")
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the plan or the report here, as JSON."),
    ] = None,
    orphans: Annotated[
        Orphans,
        typer.Option("--orphans", help="Owners without a user: make the user, or leave their rows aside."),
    ] = Orphans.USERS,
    settings: Annotated[
        TestEra, typer.Option("--settings", help="Settings that throttle: keep them, or take fit ones.")
    ] = TestEra.KEEP,
    yes: Annotated[bool, typer.Option("--yes", help="Carry the plan out without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the original product's database over: nothing in it is deleted, every row is accounted for."""
    from tastemaker.adopt.plan_queries import Options
    from tastemaker.cli.adopting import adopt_database

    options = Options(with_orphans=orphans is Orphans.USERS, fit_settings=settings is TestEra.FIT)
    adopt_database(database_url, options, dry_run=dry_run, report=report, yes=yes, as_json=as_json)
