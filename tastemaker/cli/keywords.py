"""`tastemaker keywords`: what creators who use a word say besides."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from tastemaker.catalog.keyword_queries import TermUse
from tastemaker.catalog.keywords import help_with
from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.core.display import counted
from tastemaker.db.transaction import in_transaction
from tastemaker.runtime import installation_for

keywords_app = single()


@keywords_app.command()
def keywords(
    word: Annotated[str, typer.Argument(metavar="KEYWORD", help="A word, or several in quotes.")],
    *,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Of the sandbox's creators, even if keys are set.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what creators who use a word say besides, as further keywords. No provider is called."""
    in_session(lambda session: _show(session, word, sandbox=sandbox, as_json=as_json))


async def _show(session: Session, word: str, *, sandbox: bool, as_json: bool) -> None:
    installation = await installation_for(session.database, session.settings)
    made_up = sandbox or not installation.registry.searches
    found = await in_transaction(
        session.database, session.user.claim, partial(help_with, keyword=word, made_up=made_up)
    )
    if as_json:
        screen.write_json({**asdict(found), "suggestions": found.suggestions})
        return
    verb = "uses" if found.creators == 1 else "use"
    screen.show(f"{counted(found.creators, 'known creator')} {verb} “{plain(found.keyword)}”.")
    for title, terms in (
        ("Did you mean", found.spellings),
        ("Also say", found.related),
        ("Hashtags", found.hashtags),
        ("Begin alike", found.completions),
    ):
        if terms:
            screen.show(f"{title}: {_listed(terms)}")
    if not found.creators:
        screen.show("A search for it makes creators known.")


def _listed(terms: Sequence[TermUse]) -> str:
    return ", ".join(f"{plain(one.term)} ({one.creators:,})" for one in terms)
