from pathlib import Path
from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, group

app = group("What the sandbox serves: made-up creators, or tables of your own.")


@app.command()
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
    as_json: Json = False,
) -> None:
    """Make up creators and their posts, and use them from now on."""
    from tastemaker.cli.corpus_commands import generate as make

    make(creators=creators, posts=posts, seed=seed, as_json=as_json)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV or JSONL files, or folders.")],
    *,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="The corpus to add to; made if it is not there.")
    ] = "mine",
    platform: Annotated[
        str | None,
        typer.Option("--platform", metavar="NAME", help="For tables that do not tell theirs."),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option("--rejected", metavar="FILE", help="Write every rejected row here, as JSON lines."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read tables of creators and posts into a corpus, and use it from now on.

    Rows that cannot be read are reported with file, line and reason; the rest goes in.
    """
    from tastemaker.cli.corpus_commands import import_tables

    import_tables(files, name=name, platform=platform, rejected=rejected, as_json=as_json)


@app.command()
def use(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of an imported corpus; made-up for the made-up creators.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Choose the corpus that the sandbox serves."""
    from tastemaker.cli.corpus_commands import use as choose

    choose(name, as_json=as_json)


@app.command()
def info(*, as_json: Json = False) -> None:
    """Show what is in the corpus that the sandbox serves."""
    from tastemaker.cli.corpus_commands import info as show

    show(as_json=as_json)
