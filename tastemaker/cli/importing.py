"""`tastemaker import …`: creators and results that other tools have, into a campaign."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.campaigns.service import ensure_campaign
from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.core.display import counted
from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import transaction
from tastemaker.searches.exclusions.names import find_key
from tastemaker.searches.imports.api import ending_of, read_columns
from tastemaker.searches.imports.reading import FIELDS, Reading
from tastemaker.searches.imports.service import ImportPreview, ImportSummary, import_file, preview

import_app = group("import")

SHOWN_ERRORS = 10
PROGRESS_EVERY = 20_000

File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX, JSON or JSON Lines.")]
Into = Annotated[
    str, typer.Option("--campaign", metavar="NAME", help="The campaign; it is made if it does not exist.")
]
PlatformName = Annotated[
    str | None,
    typer.Option("--platform", metavar="NAME", help="The platform of rows that do not name theirs."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="FIELD=HEADING", help="What a column holds (repeatable)."),
]
Rejected = Annotated[
    Path | None,
    typer.Option("--rejected", metavar="FILE", help="Write every row error here, as JSON lines."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show how the file is read; import nothing.")]
ForAll = Annotated[
    bool,
    typer.Option("--for-installation", help="Fill in the catalog of all users too (administrators)."),
]


@import_app.command()
def creators(
    file: File,
    *,
    campaign: Into,
    platform: PlatformName = None,
    column: Columns = None,
    rejected: Rejected = None,
    for_installation: ForAll = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import a list of creators. Rows that cannot be read are listed; the others go in, free of charge."""
    reading = _reading(platform, column, with_posts=False)
    _import(file, campaign, reading, rejected, all_of=for_installation, dry_run=dry_run, as_json=as_json)


@import_app.command()
def results(
    file: File,
    *,
    campaign: Into,
    platform: PlatformName = None,
    column: Columns = None,
    rejected: Rejected = None,
    for_installation: ForAll = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import results of another tool: creators with the posts for which they were found."""
    reading = _reading(platform, column, with_posts=True)
    _import(file, campaign, reading, rejected, all_of=for_installation, dry_run=dry_run, as_json=as_json)


def _reading(platform: str | None, columns: list[str] | None, *, with_posts: bool) -> Reading:
    return Reading(
        platform=Platform.parse(platform) if platform else None,
        columns=read_columns(columns or ()),
        with_posts=with_posts,
    )


def _import(
    file: Path,
    campaign: str,
    reading: Reading,
    rejected: Path | None,
    *,
    all_of: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    if not file.is_file():
        raise InvalidInput(f"There is no file {file}.")
    ending_of(file.name)
    if dry_run:
        _show_preview(preview(file, reading), as_json=as_json)
        return
    in_session(
        lambda session: _carry_out(session, file, campaign, reading, rejected, all_of=all_of, as_json=as_json)
    )


async def _carry_out(
    session: Session,
    file: Path,
    campaign: str,
    reading: Reading,
    rejected: Path | None,
    *,
    all_of: bool,
    as_json: bool,
) -> None:
    async with transaction(session.database, session.user.claim) as tx:
        into = await ensure_campaign(tx, session.user, name=campaign)

    def tell(rows: int) -> None:
        if not as_json and rows % PROGRESS_EVERY == 0:
            screen.say(f"{rows:,} rows", style="dim")

    report = await import_file(
        session.database,
        session.user,
        into,
        file,
        reading,
        key=find_key(session.settings),
        for_installation=all_of,
        on_progress=tell,
    )
    if rejected is not None:
        _write_errors(rejected, report)
    if as_json:
        screen.write_json({**asdict(report), "campaign": into.name})
    else:
        _show_report(report, into.name)


def _write_errors(path: Path, report: ImportSummary) -> None:
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in report.errors)
    except OSError as error:
        raise AppError(f"{path} cannot be written: {error.strerror}.") from None


def _show_report(report: ImportSummary, campaign: str) -> None:
    parts = [
        f"{counted(report.new, 'creator')} imported into “{plain(campaign)}”",
        *([f"{report.known:,} were there before"] if report.known else []),
        *([f"{counted(report.repeated, 'repeat')} in the file"] if report.repeated else []),
        *([f"{report.left_out:,} left out, because nobody may store them"] if report.left_out else []),
        *([f"{counted(report.refused, 'row')} not taken"] if report.refused else []),
    ]
    screen.show(Text("; ".join(parts) + ".", style="bold"))
    for note in report.notes:
        screen.show(plain(note))
    for error in report.errors[:SHOWN_ERRORS]:
        screen.show(
            f"  line {error.line}: {error.reason}" + (f" {plain(error.detail)}" if error.detail else "")
        )
    if len(report.errors) > SHOWN_ERRORS:
        screen.show(f"  {len(report.errors) - SHOWN_ERRORS:,} more: --rejected FILE writes them all.")
    ignored = [one.heading for one in report.columns if not one.field and one.heading.strip()]
    if ignored:
        screen.show(f"Columns kept as they are, not understood: {plain(', '.join(ignored))}.")


def _show_preview(found: ImportPreview, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(asdict(found))
        return
    for column in found.columns:
        meant = FIELDS.get(column.field, column.field) or "not understood"
        sample = plain(", ".join(filter(None, column.sample)))[:60]
        screen.show(f"  {plain(column.heading)}: {meant} ({sample})")
    screen.show(
        f"The first rows: {counted(len(found.creators), 'creator')}, {counted(len(found.errors), 'error')}."
    )
    for error in found.errors[:SHOWN_ERRORS]:
        screen.show(
            f"  line {error.line}: {error.reason}" + (f" {plain(error.detail)}" if error.detail else "")
        )
