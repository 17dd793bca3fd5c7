"""`tastemaker exclusions …` and `tastemaker suppressions …`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tastemaker.campaigns.service import get_campaign
from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, counted, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.table import Column
from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.ids import CampaignId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import in_transaction, session_scope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.exclusions import names, service
from tastemaker.searches.exclusions.names import CreatorName, ensure_key
from tastemaker.searches.exclusions.queries import list_exclusions, list_suppressions

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


@dataclass(frozen=True, slots=True)
class Place:
    """Whose list: a campaign's, or with None the user's."""

    campaign: str | None

    async def id(self, session: Session, opened: Transaction) -> CampaignId | None:
        if self.campaign is None:
            return None
        return (await get_campaign(opened, session.user, self.campaign)).id


def add(place: Place, platform: str, name: str, *, by_id: bool, note: str | None, as_json: bool) -> None:
    one = names.name_creator(platform, name, is_id=by_id)
    in_session(lambda session: _add(session, place, [one], note=note, as_json=as_json))


def import_file(place: Place, file: Path, *, note: str | None, as_json: bool) -> None:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            people = list(names.read_list(lines))
    except OSError as error:
        raise AppError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is no UTF-8 text.") from None
    in_session(lambda session: _add(session, place, people, note=note, as_json=as_json))


def show(place: Place, *, limit: int, after: str | None, as_json: bool) -> None:
    async def work(session: Session) -> None:
        async with session_scope(session.database, session.user.claim) as reading:
            of = await place.id(session, reading)
            page = await list_exclusions(reading, session.user.user_id, of, limit=limit, after=after)
        if as_json:
            screen.write_json({"exclusions": [asdict(one) for one in page.rows], "next": page.next})
            return
        if not page.rows:
            screen.show("Nobody is left out.")
            return
        rows = [
            (one.platform, plain(one.value), one.kind, plain(one.note) or UNKNOWN, moment(one.created_at))
            for one in page.rows
        ]
        show_table(EXCLUSION_COLUMNS, rows)
        if page.next:
            screen.say(f"There are more: tastemaker exclusions list --after {page.next}")

    in_session(work)


def remove(place: Place, platform: str, name: str, *, by_id: bool, as_json: bool) -> None:
    one = names.name_creator(platform, name, is_id=by_id)

    async def work(session: Session) -> None:
        async with session_scope(session.database, session.user.claim) as writing:
            of = await place.id(session, writing)
            await service.remove_exclusion(writing, session.user, one, campaign_id=of)
        _tell({"removed": 1}, f"{plain(one.value)} is on the list no longer.", as_json=as_json)

    in_session(work)


def suppress(platform: str, name: str, *, by_id: bool, reason: str | None, as_json: bool) -> None:
    one = names.name_creator(platform, name, is_id=by_id)

    async def work(session: Session) -> None:
        key = ensure_key(session.settings)
        held = await in_transaction(
            session.database,
            SYSTEM,
            lambda writing: service.suppress(writing, session.user, key, one, reason=reason),
        )
        told = f"Suppressed. Taken out of {counted(held, 'search', 'searches')}."
        _tell({"suppressed": True, "searches": held}, told, as_json=as_json)

    in_session(work)


def lift(platform: str, name: str, *, by_id: bool, as_json: bool) -> None:
    one = names.name_creator(platform, name, is_id=by_id)

    async def work(session: Session) -> None:
        key = ensure_key(session.settings)
        async with session_scope(session.database, SYSTEM) as writing:
            await service.lift_suppression(writing, session.user, key, one)
        _tell({"removed": 1}, "This name may be stored again.", as_json=as_json)

    in_session(work)


def show_suppressions(*, limit: int, as_json: bool) -> None:
    async def work(session: Session) -> None:
        async with session_scope(session.database, session.user.claim) as reading:
            found = await list_suppressions(reading, limit=limit)
        if as_json:
            screen.write_json({"suppressions": [asdict(one) for one in found]})
        elif not found:
            screen.show("Nobody is suppressed.")
        else:
            rows = [
                (one.platform, one.digest[:HASH_SHOWN], plain(one.reason) or UNKNOWN, moment(one.created_at))
                for one in found
            ]
            show_table(SUPPRESSION_COLUMNS, rows)

    in_session(work)


async def _add(
    session: Session, place: Place, people: Sequence[CreatorName], *, note: str | None, as_json: bool
) -> None:
    async with session_scope(session.database, session.user.claim) as writing:
        of = await place.id(session, writing)
        added = await service.exclude(writing, session.user, people, campaign_id=of, note=note)
    known = len(people) - added
    told = f"{counted(added, 'creator')} added to the list, {known:,} there already."
    _tell({"added": added, "known": known}, told, as_json=as_json)


def _tell(document: dict[str, object], sentence: str, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(document)
    else:
        screen.show(sentence)
