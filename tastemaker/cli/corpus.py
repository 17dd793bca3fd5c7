"""`tastemaker corpus …`: the sandbox's creators, made up or imported. No database is needed."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.cli.sources import corpus_progress, prepared_corpus
from tastemaker.core.display import counted, size
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import get_settings
from tastemaker.sandbox import corpus
from tastemaker.sandbox.corpus import CorpusInfo
from tastemaker.sandbox.tables import importing
from tastemaker.sandbox.tables.importing import ImportReport

corpus_app = group("corpus")

MADE_UP = "made-up"
SHOWN_REJECTIONS = 10
SHOWN_SHARES = 6


@corpus_app.command()
def generate(
    *,
    creators: Annotated[
        int, typer.Option("--creators", metavar="N", min=1, max=10_000_000, help="How many creators.")
    ] = 20_000,
    posts: Annotated[
        int, typer.Option("--posts", metavar="N", min=0, max=1000, help="How many posts each, on average.")
    ] = 10,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", min=0, help="The same seed makes the same creators."),
    ] = None,
    focus: Annotated[
        str | None,
        typer.Option("--focus", metavar="NICHE/LANGUAGE", help="Half of them so, such as fitness/es."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Generate creators and their posts, and serve them from now on."""
    # the usual size goes where the sandbox looks by itself; any other is kept beside it, and chosen
    settings = get_settings()
    seed = settings.sandbox_seed if seed is None else seed
    usual = (corpus.DEFAULT_CREATORS, corpus.DEFAULT_POSTS_PER_CREATOR, None)
    is_usual = (creators, posts, focus) == usual
    with corpus_progress("Making up creators") as on_progress:
        if is_usual:
            path = corpus.ensure_corpus(settings.home, seed=seed, progress=on_progress)
        else:
            kind = "-".join([f"{creators}x{posts}", str(seed), *(focus or "").split("/")]).strip("-")
            path = settings.home / "corpus" / f"generated-{kind}.sqlite3"
            corpus.generate(
                path,
                creators=creators,
                posts_per_creator=posts,
                seed=seed,
                progress=on_progress,
                focus=focus,
            )
    corpus.activate(settings.home, None if is_usual and seed == settings.sandbox_seed else path)
    _show(corpus.info(path), as_json=as_json)


@corpus_app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or JSONL files, or folders.")],
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The corpus to add to; created if missing.")
    ] = "mine",
    platform: Annotated[
        str | None,
        typer.Option("--platform", metavar="NAME", help="The platform of tables without a platform column."),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option("--rejected", metavar="FILE", help="Write every rejected row here, as JSON lines."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import tables of creators and posts into a corpus, and serve it from now on.

    Rows that cannot be read are reported with file, line and reason; the rest goes in.
    """
    settings = get_settings()
    path = corpus.named_corpus(settings.home, name)
    with corpus_progress("Reading") as on_progress:
        report = importing.import_tables(
            path,
            files,
            platform=Platform.parse(platform) if platform else None,
            report_file=rejected,
            progress=on_progress,
        )
    if report.creators == 0 and not report.accepted:
        raise InvalidInput(_nothing_taken(report))
    corpus.activate(settings.home, path)
    if as_json:
        screen.write_json({"corpus": path, **asdict(report)})
    else:
        _show_report(report, rejected)


@corpus_app.command()
def use(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="An imported corpus, or made-up for the generated creators.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Choose the corpus that the sandbox serves."""
    home = get_settings().home
    path = None if name == MADE_UP else corpus.named_corpus(home, name)
    if path is not None and not path.exists():
        raise NotFound(f"There is no corpus {name!r}. Imported ones: {_imported(home) or 'none'}.")
    corpus.activate(home, path)
    if as_json:
        screen.write_json({"corpus": path or MADE_UP})
    else:
        screen.show(f"The sandbox serves {'the made-up creators' if path is None else name} from now on.")


@corpus_app.command()
def info(*, as_json: Json = False) -> None:
    """Show the contents of the corpus that the sandbox serves."""
    _show(corpus.info(prepared_corpus(get_settings())), as_json=as_json)


def _show(about: CorpusInfo, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(asdict(about))
        return
    origin = "made-up creators" if about.origin == "synthetic" else f"{about.origin} creators"
    screen.show(Text(f"{sum(about.creators.values()):,} {origin}", style="bold"))
    facts = [
        *(
            (platform, f"{counted(number, 'creator')}, {counted(about.posts.get(platform, 0), 'post')}")
            for platform, number in about.creators.items()
        ),
        *([("Languages", _shares(about.languages))] if about.languages else []),
        *([("Countries", _shares(about.countries))] if about.countries else []),
        *([("Seed", str(about.seed))] if about.seed is not None else []),
        ("Size", size(about.size)),
        ("File", str(about.path)),
    ]
    for name, value in facts:
        screen.show(Text.assemble((f"{name:<11}", "dim"), value), wraps=False)


def _show_report(report: ImportReport, rejected: Path | None) -> None:
    screen.show(
        Text(
            f"{counted(report.creators, 'creator')} and {counted(report.posts, 'post')} from "
            f"{counted(report.accepted, 'row')} of {counted(report.files, 'file')}.",
            style="bold",
        )
    )
    for note in report.notes:
        screen.show(plain(note))
    if report.ignored_columns:
        columns = counted(len(report.ignored_columns), "column")
        screen.show(Text(f"{columns} not understood and left out:", style="yellow"))
        _show_some(report.ignored_columns, len(report.ignored_columns), rejected)
    if report.dropped:
        values = counted(sum(report.dropped.values()), "value")
        screen.show(Text(f"{values} of accepted rows left out:", style="yellow"))
        for reason, number in report.dropped.items():
            screen.show(Text(f"  {plain(reason)} ({number:,})", style="dim"))
    if report.unusable:
        screen.show(Text(f"{counted(len(report.unusable), 'file')} left out:", style="yellow"))
        _show_some([f"{one.file}: {one.detail}" for one in report.unusable], len(report.unusable), rejected)
    if report.rejected:
        reasons = ", ".join(f"{reason.value} {number:,}" for reason, number in report.reasons.items())
        screen.show(Text(f"{counted(report.rejected, 'row')} rejected: {reasons}", style="yellow"))
        lines = [f"{one.file}:{one.line}: {one.detail}" for one in report.rejections]
        _show_some(lines, report.rejected, rejected)
    screen.show(f"The sandbox serves this corpus from now on; `tastemaker corpus use {MADE_UP}` goes back.")


def _show_some(lines: Sequence[str], total: int, file: Path | None) -> None:
    for line in lines[:SHOWN_REJECTIONS]:
        screen.show(Text(f"  {plain(line)}", style="dim"))
    if total > SHOWN_REJECTIONS:
        where = f"in {file}" if file else "with --rejected FILE"
        screen.show(Text(f"  {total - SHOWN_REJECTIONS:,} more {where}", style="dim"), wraps=False)


def _nothing_taken(report: ImportReport) -> str:
    problems = [*report.unusable, *report.rejections]
    if not problems:
        return "There is no row in these files."
    first = problems[0]
    place = f"{first.file}:{first.line}" if first.line else first.file
    return f"No row could be used. The first problem: {place}: {first.detail}"


def _imported(home: Path) -> str:
    names = (path.stem.removeprefix("imported-") for path in (home / "corpus").glob("imported-*.sqlite3"))
    return ", ".join(sorted(names))


def _shares(counts: dict[str, int]) -> str:
    most = [f"{name} {number:,}" for name, number in list(counts.items())[:SHOWN_SHARES]]
    return ", ".join(most) + (f", {len(counts) - SHOWN_SHARES} more" if len(counts) > SHOWN_SHARES else "")
