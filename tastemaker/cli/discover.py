"""`tastemaker discover`: the creators that this installation has found before, searched for nothing."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from tastemaker.catalog.filtering import Verified, moment, read_range
from tastemaker.catalog.search import Ranking, make_catalog_filter
from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.options import Json
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.table import Column, table
from tastemaker.core.display import UNKNOWN, counted, short
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import transaction
from tastemaker.runtime import installation_for
from tastemaker.searches.discover.api import discovered_documents
from tastemaker.searches.discover.queries import DiscoveredCreator
from tastemaker.searches.discover.service import DiscoverPage, Discovery, discover, shows_sandbox
from tastemaker.searches.results.view import TO

discover_app = single()

SHOWN = 20
COLUMNS = (
    Column(title="Creator", least=14, most=30),
    Column(title="Handle", least=14, most=26, style="dim"),
    Column(title="Platform", least=9),
    Column(title="Followers", right=True),
    Column(title="Language", least=3, rank=2),
    Column(title="Country", least=2, rank=3),
    Column(title="E-mail", least=5),
    Column(title="Last post", least=10, rank=1),
    Column(title="Seen in", least=8, most=24, rank=4),
)

Several = list[str] | None


Words = Annotated[
    Several,
    typer.Argument(
        metavar="[WORDS]", help='Words, "phrases", prefix*, -exclusions and #tags; all are wanted.'
    ),
]
Platforms = Annotated[
    Several,
    typer.Option("--platform", metavar="NAME", help="youtube, tiktok, instagram (repeatable, commas)."),
]
Followers = Annotated[
    str | None, typer.Option("--followers", metavar="RANGE", help="A range such as 10k-100k or 10k-.")
]
Languages = Annotated[
    Several,
    typer.Option("--language", metavar="CODE", help="One of these, or unknown (repeatable, commas)."),
]
Countries = Annotated[
    Several, typer.Option("--country", metavar="CODE", help="One of these, or unknown (repeatable, commas).")
]
HasEmail = Annotated[bool, typer.Option("--has-email", help="Only those of whom an e-mail address is known.")]
IsVerified = Annotated[bool, typer.Option("--verified", help="Only those with the platform's badge.")]
PostedWithin = Annotated[
    int | None,
    typer.Option("--posted-within", metavar="DAYS", help="Only with a post of the last DAYS days."),
]
FoundIn = Annotated[
    Several, typer.Option("--campaign", metavar="NAME", help="Only found in this campaign (repeatable).")
]
NotFoundIn = Annotated[
    Several,
    typer.Option("--exclude-campaign", metavar="NAME", help="Not found in this campaign (repeatable)."),
]
SeenSince = Annotated[
    str | None, typer.Option("--seen-since", metavar="DATE", help="Seen by a search since then.")
]
IncludeUnknown = Annotated[
    bool, typer.Option("--include-unknown", help="Unknown followers and last posts pass too.")
]
SortBy = Annotated[
    Ranking, typer.Option("--sort", help="The best match, the most followers or the latest post first.")
]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="How many at most.")]
After = Annotated[
    str | None, typer.Option("--after", metavar="PLACE", help="`next` of the JSON of the page before.")
]


@discover_app.command(name="discover")
def discover_creators(  # noqa: PLR0913 - the options of a command
    words: Words = None,
    *,
    platform: Platforms = None,
    followers: Followers = None,
    language: Languages = None,
    country: Countries = None,
    has_email: HasEmail = False,
    verified: IsVerified = False,
    posted_within: PostedWithin = None,
    campaign: FoundIn = None,
    exclude_campaign: NotFoundIn = None,
    seen_since: SeenSince = None,
    include_unknown: IncludeUnknown = False,
    sort: SortBy = Ranking.RELEVANCE,
    limit: Limit = SHOWN,
    after: After = None,
    as_json: Json = False,
) -> None:
    """Find creators that this installation has found before, for nothing.

    It calls no provider. Creators of the sandbox are left out once a provider is live.
    """
    least, most = read_range("followers", followers) if followers else (None, None)
    wanted = make_catalog_filter(
        platforms=tuple(Platform.parse(one) for one in _parts(platform)),
        min_followers=least,
        max_followers=most,
        languages=_parts(language),
        countries=_parts(country),
        has_email=has_email or None,
        verified=(Verified.YES,) if verified else (),
        posted_within=posted_within,
        campaigns=tuple(campaign or ()),
        exclude_campaigns=tuple(exclude_campaign or ()),
        seen_since=moment("--seen-since", seen_since) if seen_since else None,
        include_unknown=include_unknown,
    )
    asked = Discovery(text=" ".join(words or ()), wanted=wanted, sort=sort, limit=limit, after=after)
    in_session(lambda session: _discover(session, asked, as_json=as_json))


async def _discover(session: Session, asked: Discovery, *, as_json: bool) -> None:
    installation = await installation_for(session.database, session.settings)
    async with transaction(session.database, session.user.claim) as tx:
        page = await discover(tx, session.user, asked, with_sandbox=shows_sandbox(installation))
    if as_json:
        screen.write_json(discovered_documents(page).model_dump(mode="json"))
    else:
        _show(page)


def _show(page: DiscoverPage) -> None:
    found = page.found
    if not page.creators:
        screen.say("No creator found before matches. `tastemaker search` finds new ones.")
        return
    if found.alike:
        screen.say("Nobody has these words. These creators have nearly that name:")
    console = screen.results()
    for line in table(COLUMNS, [_cells(row) for row in page.creators], width=console.width):
        console.print(line, no_wrap=True, crop=True, overflow="crop")
    for name, values in page.facets.of.items():
        shown = [f"{_label(one.value)} {one.count:,}" for one in values[:6]]
        if len(shown) > 1:
            screen.show(Text(f"{name.value}: {', '.join(shown)}", style="dim"))
    about = "" if found.total_is_exact else "about "
    more = f", {len(page.creators)} shown" if len(page.creators) < found.total else ""
    screen.show(Text(f"{about}{counted(found.total, 'creator')}{more}.", style="bold"))


def _cells(row: DiscoveredCreator) -> Sequence[str]:
    return (
        plain(row.name or row.handle or row.stable_id),
        f"@{plain(row.handle)}" if row.handle else row.stable_id,
        row.platform.value,
        short(row.followers),
        row.language or UNKNOWN,
        row.country or UNKNOWN,
        "known" if row.has_email else UNKNOWN,
        f"{row.last_post_at:%Y-%m-%d}" if row.last_post_at else UNKNOWN,
        plain(row.seen_in_name) or UNKNOWN,
    )


def _label(value: str) -> str:
    lowest, dash, highest = value.partition("-")
    if dash and lowest.isdigit():
        return f"{short(int(lowest))}{TO}{short(int(highest) + 1) if highest else ''}"
    return plain(value)


def _parts(given: Several) -> tuple[str, ...]:
    return tuple(part.strip() for one in given or () for part in one.split(",") if part.strip())
