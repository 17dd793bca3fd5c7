"""`tastemaker db adopt`: the plan, the question, the work, the report."""

from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from shutil import rmtree
from typing import Annotated, Any, Final

import orjson
import typer
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr
from rich.text import Text

from tastemaker.adopt import service
from tastemaker.adopt.plan_queries import AdoptionPlan, Options
from tastemaker.adopt.rehearsal_queries import Rehearsal, rehearse
from tastemaker.adopt.rows_queries import ADOPTED_SEARCHES
from tastemaker.adopt.service import Looked, look, plan_document
from tastemaker.cli import screen
from tastemaker.cli.csv_file import refuse_unwritable
from tastemaker.cli.db import db_app
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.core.errors import Conflict, DatabaseUnavailable, InvalidInput
from tastemaker.core.settings import get_settings
from tastemaker.db import embedded
from tastemaker.db.access import database_access

WORDS_SHOWN: Final = 20


class Orphans(StrEnum):
    USERS = "users"
    LEAVE = "leave"


class TestEra(StrEnum):
    KEEP = "keep"
    FIT = "fit"


@db_app.command()
def adopt(  # noqa: PLR0913 - the options of a command
    database_url: Annotated[
        str, typer.Argument(metavar="DATABASE_URL", help="The original's database, as its owner, directly.")
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, adopt a copy, and change nothing.")
    ] = False,
    scratch: Annotated[
        str | None,
        typer.Option(
            "--scratch", metavar="URL", help="Where the copy is adopted (default: the embedded PostgreSQL)."
        ),
    ] = None,
    no_rehearsal: Annotated[
        bool,
        typer.Option("--no-rehearsal", help="Adopt no copy first, after a dry run that was clean."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the plan or the report here, as JSON."),
    ] = None,
    orphans: Annotated[
        Orphans,
        typer.Option("--orphans", help="Owners without a user: create the user, or skip their rows."),
    ] = Orphans.USERS,
    settings: Annotated[
        TestEra,
        typer.Option("--settings", help="Settings below the defaults: keep them, or replace them."),
    ] = TestEra.KEEP,
    back: Annotated[
        bool, typer.Option("--back", help="Put the original back, until the adoption has finished.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Carry the plan out without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Migrate the original product's database. Nothing is deleted; the report accounts for every row."""
    options = Options(with_orphans=orphans is Orphans.USERS, fit_settings=settings is TestEra.FIT)
    if back:
        _go_back(database_url, as_json=as_json)
        return
    refuse_unwritable(report, overwrite=True)
    found = look(database_url, options)
    if found.plan is not None and not as_json:
        _show_plan(found.plan)
    rehearsed = None
    if found.plan is not None and not no_rehearsal:
        rehearsed = _rehearse(database_url, options, scratch, as_json=as_json)
    if dry_run:
        document = _looked_document(found)
        _tell(
            {**document, "rehearsal": asdict(rehearsed)} if rehearsed else document, report, as_json=as_json
        )
    if rehearsed is not None and rehearsed.stopped is not None:
        raise Conflict(
            f"The adoption would stop at {rehearsed.step}: {rehearsed.stopped} Nothing has changed."
        )
    if not dry_run:
        _adopt(database_url, options, found, report=report, yes=yes, as_json=as_json)


def _go_back(url: str, *, as_json: bool) -> None:
    schema = service.go_back(url)
    if as_json:
        screen.write_json({"state": "original", "schema": schema})
    else:
        screen.show("The original is back in its place. What was adopted so far is gone.")


def _rehearse(url: str, options: Options, scratch: str | None, *, as_json: bool) -> Rehearsal:
    """The embedded server for it has a folder of its own, which is deleted with the copy."""
    progress = None if as_json else _progress()
    if not as_json:
        screen.say("Adopting a copy, to see whether each step goes through.")
    if scratch is not None:
        found = rehearse(url, options, scratch_url=scratch, on_progress=progress)
    else:
        settings = get_settings()
        home = settings.home / "rehearsal"
        try:
            with embedded.running(home, bin_dir=settings.postgres_bin) as server:
                address = server.url(role="postgres")
                found = rehearse(url, options, scratch_url=address, on_progress=progress)
        finally:
            rmtree(home, ignore_errors=True)
    if not as_json and found.stopped is None:
        rows = sum(found.copied.values())
        screen.say(f"The copy of {rows:,} rows was adopted in {found.seconds:,.0f} s; nothing would stop.")
    return found


def _adopt(
    url: str, options: Options, found: Looked, *, report: Path | None, yes: bool, as_json: bool
) -> None:
    if found.finished is None:
        _ask(found, yes=yes, as_json=as_json)
    password = _app_password(url)
    done = service.adopt(
        url, app_password=password, options=options, on_progress=None if as_json else _progress()
    )
    document = {"already_adopted": done.already, "schema": done.schema, "report": done.report}
    if not as_json:
        _show_report(done.report, already=done.already)
    _tell(document, report, as_json=as_json)


def _looked_document(found: Looked) -> Mapping[str, Any]:
    if found.plan is not None:
        return {"state": "original", "plan": plan_document(found.plan)}
    adoption = found.finished or found.unfinished
    state = "adopted" if found.finished else "unfinished"
    return {"state": state, "schema": adoption.schema if adoption else None}


def _ask(found: Looked, *, yes: bool, as_json: bool) -> None:
    """Raises InvalidInput where nobody can be asked."""
    if found.unfinished is not None and not as_json:
        screen.say("An unfinished adoption was found. It continues with its earlier decisions.")
    if yes:
        return
    if as_json:
        raise InvalidInput("Say --yes to carry the plan out, or --dry-run to see it only.")
    typer.confirm("Carry this out? The original must be stopped.", abort=True, err=True)


def _app_password(url: str) -> str | None:
    """What the application will connect with: derived from the administrator's, where the URL has one."""
    if not conninfo_to_dict(url).get("password"):
        return None
    settings = get_settings().model_copy(update={"database_url": SecretStr(url), "database_admin_url": None})
    with database_access(settings) as access:
        if access.admin_url is None:
            raise DatabaseUnavailable(
                "Adoption makes roles and moves tables: connect as the database's owner with CREATEROLE."
            )
        return access.app_password


def _tell(document: Mapping[str, Any], report: Path | None, *, as_json: bool) -> None:
    if report is not None:
        report.write_bytes(orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2))
    if as_json:
        screen.write_json(document)
    elif report is not None:
        screen.say(f"Written to {report}.")
    elif document.get("state") in {"adopted", "unfinished"}:
        words = "already adopted" if document["state"] == "adopted" else "begun, not finished"
        screen.show(f"The database is {words}; the original is in the schema {document['schema']}.")


def _show_plan(plan: AdoptionPlan) -> None:
    _head(f"Contents of {plan.database}")
    for sentence in plan.state:
        screen.show(f"  {plain(sentence)}")
    _head("What happens")
    for step in plan.steps:
        rows = "" if step.rows is None else f" ({step.rows:,} rows)"
        screen.show(f"  {step.name}{rows}: {step.what}. Locks: {step.lock}.")
    _head("Creators")
    creators = plan.creators
    entries, pages, accounts = (creators[name] for name in ("elements", "pages", "accounts"))
    screen.show(f"  {entries:,} entries on {pages:,} pages are {accounts:,} accounts")
    for reason, count in creators["rejected_elements"].items():
        screen.show(f"  {count:,} stay aside: {reason}")
    _head("Words")
    _show_words(plan.words)
    for table, users in plan.duplicates.items():
        screen.show(
            f"  {users:,} users have several rows in {table}: the one changed last stays, the others fill it"
        )
    for one in plan.strayed_searches:
        screen.show(
            f"  the search {one['search']} of {plain(one['owner'])} is in a campaign of"
            f" {plain(one['owner_of_the_campaign'])}: it goes to “{ADOPTED_SEARCHES}” of its own owner"
        )
    _head("Decisions")
    for decision in plan.decisions:
        screen.show(
            f"  {decision.question} {decision.rows:,} rows; {decision.option}, now: {decision.chosen}"
        )
        for detail in decision.details:
            screen.show(Text(f"    {plain(detail)}", style="dim"))


def _show_words(words: list[dict[str, Any]]) -> None:
    ordered = sorted(words, key=lambda word: (word["mapped"] is not None, -word["rows"]))
    for word in ordered[:WORDS_SHOWN]:
        became = "has no place here" if word["mapped"] is None else f"becomes {word['mapped']}"
        screen.show(
            f"  {word['field']}: {plain(word['word'])[:60] or '(none)'} {became}, {word['rows']:,} rows"
        )
    if len(words) > WORDS_SHOWN:
        screen.show(Text(f"  {len(words) - WORDS_SHOWN:,} more in the report (--report FILE)", style="dim"))


def _progress() -> Any:  # noqa: ANN401 - a closure over the last step told
    told: set[str] = set()

    def tell(name: str, place: int, total: int) -> None:
        if place >= total and name not in told:
            told.add(name)
            screen.say(f"{name}: done", style="dim")

    return tell


def _show_report(report: Mapping[str, Any], *, already: bool) -> None:
    if already:
        screen.show(
            f"Already adopted; nothing was changed. The original is in the schema {report['schema']}."
        )
        return
    _head("What arrived")
    for table, rows in report["ours"].items():
        screen.show(f"  {table}: {rows:,}")
    _head("What stayed aside, and why")
    for table, reasons in report["rejected"].items():
        for reason, rows in reasons.items():
            screen.show(f"  {table}: {rows:,}, {reason}")
    if report["orphans"]:
        screen.show(f"Users made for owners without one: {', '.join(map(plain, report['orphans']))}")
    screen.show(f"Adopted. The original is untouched in the schema {report['schema']}.")


def _head(title: str) -> None:
    screen.show(Text(f"\n{title}", style="bold"))
