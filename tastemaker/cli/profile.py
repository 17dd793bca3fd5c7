"""`tastemaker profile`: one account as its provider describes it now."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.cli.providers import price
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.sources import prepared_corpus
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.config_store.values import parse_duration
from tastemaker.core.display import UNKNOWN, counted, moment
from tastemaker.providers.base import Creator
from tastemaker.runtime import installation_for
from tastemaker.searches.profiles import FoundProfile, WantedProfile, look_up_profile, want_profile

profile_app = single()


@profile_app.command()
def profile(
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="youtube, tiktok or instagram.")],
    handle: Annotated[str, typer.Argument(metavar="HANDLE", help="A handle or a profile's address.")],
    *,
    by_id: Annotated[
        bool, typer.Option("--by-id", help="HANDLE is the platform's id, which never changes.")
    ] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask the sandbox even if keys are set.")] = False,
    max_age: Annotated[
        str | None,
        typer.Option("--max-age", metavar="TIME", help="Accept stored answers up to this age."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look up one account. A live call is paid, recorded in the ledger, and reused for a time."""
    age = None if max_age is None else parse_duration(max_age)
    wanted = want_profile(platform, handle, by_id=by_id, sandbox=sandbox, max_age=age)
    in_session(lambda session: _show(session, wanted, as_json=as_json))


async def _show(session: Session, wanted: WantedProfile, *, as_json: bool) -> None:
    found = await look_up_profile(
        session.database,
        session.user.user_id,
        wanted,
        await installation_for(session.database, session.settings),
        await load_configuration(session.database),
        corpus=prepared_corpus,
        instead="add --sandbox",
    )
    if as_json:
        fetched_at = found.fetched_at.isoformat() if found.fetched_at else None
        screen.write_json({**asdict(found), "fetched_at": fetched_at})
        return
    screen.say(_origin(found), style="dim")
    creator = found.creator
    screen.show(Text(plain(creator.name or creator.handle or creator.stable_id), style="bold"))
    for title, value in _facts(creator, len(found.posts)):
        screen.show(Text.assemble((f"{title:<10}", "dim"), value), wraps=False)


def _origin(found: FoundProfile) -> str:
    if found.cost is None:
        return "Sandbox: this creator is made up."
    if found.cost.calls:
        return f"Asked {found.provider}: {price(found.cost)}."
    return f"As {found.provider} told on {moment(found.fetched_at)}; nothing was paid."


def _facts(creator: Creator, posts: int) -> list[tuple[str, str]]:
    facts = [
        ("Handle", f"@{plain(creator.handle)}" if creator.handle else UNKNOWN),
        ("Id", creator.stable_id),
        ("Followers", _number(creator.followers)),
        ("Following", _number(creator.following)),
        ("Posts", _number(creator.posts_count)),
        ("Verified", _word(creator.verified)),
        ("Profile", creator.profile_url or UNKNOWN),
        ("E-mail", ", ".join(map(plain, creator.emails)) or UNKNOWN),
        ("Links", " ".join(map(plain, creator.links)) or UNKNOWN),
        ("Bio", plain(creator.bio) if creator.bio else UNKNOWN),
    ]
    return [*facts, ("Latest", counted(posts, "post"))] if posts else facts


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _word(known: bool | None) -> str:  # noqa: FBT001 - a value that is shown
    return UNKNOWN if known is None else ("yes" if known else "no")
