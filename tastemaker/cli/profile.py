"""`tastemaker profile`: one account as its provider describes it now."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.numbers import UNKNOWN, counted, moment
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.cli.providers import price
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.sources import prepared_corpus
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.config_store.keys import REUSE_PAGES_FOR
from tastemaker.config_store.values import parse_duration
from tastemaker.core.accounts import read_account, read_stable_id
from tastemaker.core.errors import AppError, InvalidInput, NotFound
from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, ErrorKind, Page, ProfileLookup, ProfileQuery, ProviderError
from tastemaker.providers.http import make_client
from tastemaker.providers.lookups import LookUp, ask, look_up
from tastemaker.providers.registry import sandbox_lookups
from tastemaker.runtime import live_registry
from tastemaker.sandbox.server import serve
from tastemaker.searches.exclusions.filter import filter_for_reuse
from tastemaker.searches.exclusions.names import find_key
from tastemaker.searches.types import LIVE, SANDBOX

profile_app = single()

ABSENT = {ErrorKind.NOT_FOUND, ErrorKind.PRIVATE}


@dataclass(frozen=True, slots=True)
class LookupTarget:
    """The provider that a look-up calls. The sandbox costs nothing, so it is in no ledger."""

    adapter: ProfileLookup
    is_live: bool


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
    wanted, age = Platform.parse(platform), None if max_age is None else parse_duration(max_age)
    account = read_stable_id(handle, wanted) if by_id else read_account(handle, wanted)
    query = ProfileQuery(handle=account.handle, stable_id=account.stable_id)
    in_session(lambda session: _show(session, wanted, query, sandbox=sandbox, age=age, as_json=as_json))


async def _show(
    session: Session,
    platform: Platform,
    query: ProfileQuery,
    *,
    sandbox: bool,
    age: timedelta | None,
    as_json: bool,
) -> None:
    fetched_at = None
    async with _adapter(session, platform, sandbox=sandbox) as asked, make_client() as http:
        try:
            if asked.is_live:
                question = await _question(session, platform, asked.adapter, query, age)
                paid = await look_up(session.database, http, question)
                page, fetched_at = paid.page, paid.fetched_at
            else:
                page = await ask(asked.adapter, http, query)
        except ProviderError as error:
            raise _told(error) from None
    _print(page, asked, fetched_at=fetched_at, as_json=as_json)


async def _question(
    session: Session,
    platform: Platform,
    adapter: ProfileLookup,
    query: ProfileQuery,
    age: timedelta | None,
) -> LookUp:
    config = await load_configuration(session.database)
    return LookUp(
        user_id=session.user.user_id,
        adapter=adapter,
        query=query,
        config=config,
        max_age=config[REUSE_PAGES_FOR] if age is None else age,
        presentable=partial(filter_for_reuse, platform=platform, key=find_key(session.settings)),
    )


def _told(error: ProviderError) -> AppError:
    """What was refused before any call is the asker's mistake; an unknown account is no mistake."""
    if error.kind in ABSENT:
        return NotFound(str(error))
    if error.kind is ErrorKind.BAD_REQUEST and not error.cost.calls:
        return InvalidInput(str(error))
    return error


@asynccontextmanager
async def _adapter(session: Session, platform: Platform, *, sandbox: bool) -> AsyncIterator[LookupTarget]:
    """A live one where there is one; the sandbox's if there is none, or if it is requested."""
    registry = await live_registry(session.database, session.settings)
    lookups = registry.lookups
    async with AsyncExitStack() as stack:
        if not sandbox and platform in lookups:
            yield LookupTarget(lookups[platform], is_live=True)
            return
        if not sandbox and lookups:
            need = registry.needed_for(platform)
            raise InvalidInput(
                f"To look up {platform.value} live, {need} is needed. Set it, or add --sandbox."
            )
        url = await stack.enter_async_context(serve(prepared_corpus(session.settings)))
        yield LookupTarget(sandbox_lookups(url)[platform], is_live=False)


def _print(page: Page, asked: LookupTarget, *, fetched_at: datetime | None, as_json: bool) -> None:
    (creator,) = page.creators
    name = asked.adapter.declaration.name
    if as_json:
        source = LIVE if asked.is_live else SANDBOX
        document: dict[str, object] = {
            "source": source,
            "provider": name,
            "cost": asdict(page.cost) if asked.is_live else None,
            "fetched_at": fetched_at.isoformat() if fetched_at else None,
        }
        posts = [asdict(post) for post in page.posts]
        screen.write_json(document | {"creator": asdict(creator), "posts": posts})
        return
    screen.say(_origin(page, asked, fetched_at), style="dim")
    screen.show(Text(plain(creator.name or creator.handle or creator.stable_id), style="bold"))
    for title, value in _facts(creator, len(page.posts)):
        screen.show(Text.assemble((f"{title:<10}", "dim"), value), wraps=False)


def _origin(page: Page, asked: LookupTarget, fetched_at: datetime | None) -> str:
    name = asked.adapter.declaration.name
    if not asked.is_live:
        return "Sandbox: this creator is made up."
    if page.cost.calls:
        return f"Asked {name}: {price(page.cost)}."
    return f"As {name} told on {moment(fetched_at)}; nothing was paid."


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
