"""`tastemaker exclusions …` and `tastemaker suppressions …`: whom searches leave out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tastemaker.campaigns.service import get_campaign
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer
from tastemaker.cli.options import After, Json, Limit
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session, with_session
from tastemaker.cli.table import Column
from tastemaker.core.display import UNKNOWN, counted, moment
from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.ids import CampaignId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.searches.exclusions import names, service
from tastemaker.searches.exclusions.names import CreatorName, ensure_key
from tastemaker.searches.exclusions.queries import Exclusion, Suppression, list_exclusions, list_suppressions

exclusions_app = group("exclusions")
suppressions_app = group("suppressions")

PlatformName = Annotated[str, typer.Argument(metavar="PLATFORM", help="youtube, tiktok or instagram.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A handle, or with --id the platform's id.")]
ById = Annotated[bool, typer.Option("--id", help="NAME is the platform's unchanging id.")]
OfCampaign = Annotated[
    str | None, typer.Option("--campaign", metavar="CAMPAIGN", help="Only for searches of this campaign.")
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")]

EXCLUSION_COLUMNS = (
    Column(title="Platform", least=9),
    Column(title="Who", least=12, most=60),
    Column(title="Named by", rank=1),
    Column(title="Note", least=8, most=40, rank=2),
    Column(title="Added (UTC)", least=16, rank=3),
)

SUPPRESSION_COLUMNS = (
    Column(title="Platform", least=9),
    Column(title="Hash", least=12, most=16),
    Column(title="Reason", least=8, most=40, rank=1),
    Column(title="Added (UTC)", least=16, rank=2),
)

HASH_SHOWN = 12

EXCLUSIONS: Listing[Exclusion] = Listing(
    "exclusions",
    EXCLUSION_COLUMNS,
    lambda one: (
        one.platform,
        plain(one.value),
        one.kind,
        plain(one.note) or UNKNOWN,
        moment(one.created_at),
    ),
    empty="Nobody is left out.",
)
SUPPRESSIONS: Listing[Suppression] = Listing(
    "suppressions",
    SUPPRESSION_COLUMNS,
    lambda one: (
        one.platform,
        one.digest[:HASH_SHOWN],
        plain(one.reason) or UNKNOWN,
        moment(one.created_at),
    ),
    empty="Nobody is suppressed.",
)


@exclusions_app.command("add")
def exclude(
    platform: PlatformName,
    name: Name,
    *,
    by_id: ById = False,
    campaign: OfCampaign = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Leave a creator out of your searches from now on."""
    one = names.name_creator(platform, name, is_id=by_id)
    in_session(lambda session: _exclude(session, campaign, [one], note=note, as_json=as_json))


@exclusions_app.command("list")
@with_session
async def show_exclusions(
    session: Session,
    *,
    campaign: OfCampaign = None,
    limit: Limit = 50,
    after: After = None,
    as_json: Json = False,
) -> None:
    """Show whom your searches leave out, the newest first."""
    async with transaction(session.database, session.user.claim) as tx:
        of = await _id_of(tx, session, campaign)
        page = await list_exclusions(tx, session.user.user_id, of, limit=limit, after=after)
    EXCLUSIONS.show_page(page, command="tastemaker exclusions list --after", as_json=as_json)


@exclusions_app.command("remove")
def readmit(
    platform: PlatformName,
    name: Name,
    *,
    by_id: ById = False,
    campaign: OfCampaign = None,
    as_json: Json = False,
) -> None:
    """Take a creator off the list."""
    one = names.name_creator(platform, name, is_id=by_id)

    async def work(session: Session) -> None:
        async with transaction(session.database, session.user.claim) as tx:
            of = await _id_of(tx, session, campaign)
            await service.remove_exclusion(tx, session.user, one, campaign_id=of)
        answer({"removed": 1}, f"{plain(one.value)} is on the list no longer.", as_json=as_json)

    in_session(work)


@exclusions_app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A CSV that names platform and account, such as an export."),
    ],
    *,
    campaign: OfCampaign = None,
    note: Note = None,
    as_json: Json = False,
) -> None:
    """Put everybody in a CSV on the list."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            people = list(names.read_list(lines))
    except OSError as error:
        raise AppError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is no UTF-8 text.") from None
    in_session(lambda session: _exclude(session, campaign, people, note=note, as_json=as_json))


@suppressions_app.command("add")
def suppress(
    platform: PlatformName,
    name: Name,
    *,
    by_id: ById = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; without a name.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Store this person never again, and take out what is stored."""
    one = names.name_creator(platform, name, is_id=by_id)

    async def work(session: Session) -> None:
        key = ensure_key(session.settings)
        held = await in_transaction(
            session.database,
            SYSTEM,
            lambda tx: service.suppress(tx, session.user, key, one, reason=reason),
        )
        sentence = f"Suppressed. Taken out of {counted(held, 'search', 'searches')}."
        answer({"suppressed": True, "searches": held}, sentence, as_json=as_json)

    in_session(work)


@suppressions_app.command("list")
@with_session
async def show_suppressions(session: Session, *, limit: Limit = 50, as_json: Json = False) -> None:
    """Show the suppressions, which do not say who is meant."""
    async with transaction(session.database, session.user.claim) as tx:
        found = await list_suppressions(tx, limit=limit)
    SUPPRESSIONS.show(found, as_json=as_json)


@suppressions_app.command("remove")
def lift(platform: PlatformName, name: Name, *, by_id: ById = False, as_json: Json = False) -> None:
    """Let this name be stored again."""
    one = names.name_creator(platform, name, is_id=by_id)

    async def work(session: Session) -> None:
        key = ensure_key(session.settings)
        async with transaction(session.database, SYSTEM) as tx:
            await service.lift_suppression(tx, session.user, key, one)
        answer({"removed": 1}, "This name may be stored again.", as_json=as_json)

    in_session(work)


async def _exclude(
    session: Session, campaign: str | None, people: Sequence[CreatorName], *, note: str | None, as_json: bool
) -> None:
    async with transaction(session.database, session.user.claim) as tx:
        of = await _id_of(tx, session, campaign)
        added = await service.exclude(tx, session.user, people, campaign_id=of, note=note)
    known = len(people) - added
    sentence = f"{counted(added, 'creator')} added to the list, {known:,} there already."
    answer({"added": added, "known": known}, sentence, as_json=as_json)


async def _id_of(tx: Transaction, session: Session, campaign: str | None) -> CampaignId | None:
    """The campaign whose list is meant; None is the user's own list."""
    return None if campaign is None else (await get_campaign(tx, session.user, campaign)).id
