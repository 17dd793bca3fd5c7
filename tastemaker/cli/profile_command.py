"""`tastemaker profile`: one account as its provider describes it now."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass

from rich.text import Text

from tastemaker.cli import screen
from tastemaker.cli.corpora import prepared_corpus
from tastemaker.cli.numbers import UNKNOWN, counted
from tastemaker.cli.plain_text import plain
from tastemaker.cli.provider_commands import price
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.sources import KEYS, live_registry
from tastemaker.core.errors import AppError, InvalidInput, NotFound
from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, ErrorKind, Page, ProfileLookup, ProfileQuery, ProviderError
from tastemaker.providers.http import make_client
from tastemaker.providers.lookups import ask, look_up
from tastemaker.providers.registry import sandbox_lookups
from tastemaker.sandbox.server import serve

ABSENT = {ErrorKind.NOT_FOUND, ErrorKind.PRIVATE}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a look-up asks. The sandbox takes nothing, so it is in no ledger."""

    adapter: ProfileLookup
    is_live: bool


def show_profile(platform: str, handle: str, *, by_id: bool, sandbox: bool, as_json: bool) -> None:
    """Raises NotFound, InvalidInput where a key is missing, ProviderError."""
    wanted = Platform.parse(platform)
    query = ProfileQuery(stable_id=handle) if by_id else ProfileQuery(handle=handle)
    in_session(lambda session: _show(session, wanted, query, sandbox=sandbox, as_json=as_json))


async def _show(
    session: Session, platform: Platform, query: ProfileQuery, *, sandbox: bool, as_json: bool
) -> None:
    async with _adapter(session, platform, sandbox=sandbox) as asked, make_client() as http:
        try:
            if asked.is_live:
                page = await look_up(session.database, session.user.user_id, asked.adapter, http, query)
            else:
                page = await ask(asked.adapter, http, query)
        except ProviderError as error:
            raise _told(error) from None
    _print(page, asked, as_json=as_json)


def _told(error: ProviderError) -> AppError:
    """What was refused before any call is the asker's mistake; who is not there is nobody's."""
    if error.kind in ABSENT:
        return NotFound(str(error))
    if error.kind is ErrorKind.BAD_REQUEST and not error.cost.calls:
        return InvalidInput(str(error))
    return error


@asynccontextmanager
async def _adapter(session: Session, platform: Platform, *, sandbox: bool) -> AsyncIterator[Asked]:
    """A live one where there is one; the sandbox's where nothing is live, or where it is asked for."""
    lookups = (await live_registry(session)).lookups
    async with AsyncExitStack() as stack:
        if not sandbox and platform in lookups:
            yield Asked(lookups[platform], is_live=True)
            return
        if not sandbox and lookups:
            raise InvalidInput(
                f"To look up {platform.value} live, {KEYS[platform]} is needed. Set it, or add --sandbox."
            )
        url = await stack.enter_async_context(serve(prepared_corpus(session.settings)))
        yield Asked(sandbox_lookups(url)[platform], is_live=False)


def _print(page: Page, asked: Asked, *, as_json: bool) -> None:
    (creator,) = page.creators
    name = asked.adapter.declaration.name
    if as_json:
        source = "live" if asked.is_live else "sandbox"
        document = {"source": source, "provider": name, "cost": asdict(page.cost) if asked.is_live else None}
        posts = [asdict(post) for post in page.posts]
        screen.write_json(document | {"creator": asdict(creator), "posts": posts})
        return
    said = f"Asked {name}: {price(page.cost)}." if asked.is_live else "Sandbox: this creator is made up."
    screen.say(said, style="dim")
    screen.show(Text(plain(creator.name or creator.handle or creator.stable_id), style="bold"))
    for title, value in _facts(creator, len(page.posts)):
        screen.show(Text.assemble((f"{title:<10}", "dim"), value), wraps=False)


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
