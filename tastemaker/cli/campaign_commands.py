"""`tastemaker campaigns …`, where something is changed."""

import sys
from collections.abc import Awaitable, Callable

from tastemaker.campaigns import service
from tastemaker.campaigns.queries import Campaign
from tastemaker.cli import screen
from tastemaker.cli.documents import campaign_document
from tastemaker.cli.numbers import counted
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.core.errors import InvalidInput
from tastemaker.db.engine import in_transaction, session_scope
from tastemaker.db.transaction import Transaction
from tastemaker.searches.maintenance import delete_campaign, erase_next_batch


def create(name: str, *, description: str | None, search_type: str, as_json: bool) -> None:
    async def work(session: Session) -> None:
        async with session_scope(session.database, session.user.claim) as writing:
            made = await service.create_campaign(
                writing, session.user, name=name, search_type=search_type, description=description
            )
        _tell(made, "Made", as_json=as_json)

    in_session(work)


def rename(reference: str, name: str, *, as_json: bool) -> None:
    _change(
        reference,
        "Renamed",
        lambda session, writing, one: service.rename_campaign(writing, session.user, one, name=name),
        as_json=as_json,
    )


def describe(reference: str, description: str, *, as_json: bool) -> None:
    _change(
        reference,
        "Described",
        lambda session, writing, one: service.describe_campaign(
            writing, session.user, one, description=description
        ),
        as_json=as_json,
    )


def archive(reference: str, *, as_json: bool) -> None:
    _change(
        reference,
        "Archived",
        lambda session, writing, one: service.archive_campaign(writing, session.user, one),
        as_json=as_json,
    )


def unarchive(reference: str, *, as_json: bool) -> None:
    _change(
        reference,
        "Restored",
        lambda session, writing, one: service.restore_campaign(writing, session.user, one),
        as_json=as_json,
    )


def delete(reference: str, *, yes: bool, as_json: bool) -> None:
    in_session(lambda session: _delete(session, reference, yes=yes, as_json=as_json))


async def _delete(session: Session, reference: str, *, yes: bool, as_json: bool) -> None:
    """Erased here at once; should this die half-way, `tastemaker work` goes on."""
    async with session_scope(session.database, session.user.claim) as reading:
        campaign = await service.get_campaign(reading, session.user, reference)
    if not yes:
        _ask(campaign, as_json=as_json)
    await in_transaction(
        session.database,
        session.user.claim,
        lambda writing: delete_campaign(writing, session.user, campaign),
    )
    while await erase_next_batch(session.database, session.user.user_id, campaign.id) is not None:
        pass
    if as_json:
        screen.write_json({**campaign_document(campaign), "deleted": True})
    else:
        screen.show(f"Deleted {_all_of(campaign)}.")


def _ask(campaign: Campaign, *, as_json: bool) -> None:
    """Raises InvalidInput where nobody is there to ask, or who is there says no."""
    if as_json or not sys.stdin.isatty():
        raise InvalidInput("Deleting cannot be undone. Add --yes to do it without being asked.")
    screen.say(f"Delete {_all_of(campaign)} for good? Type yes: ")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InvalidInput("Nothing was deleted.")


def _all_of(campaign: Campaign) -> str:
    searches = counted(campaign.searches, "search", "searches")
    return f"campaign “{plain(campaign.name)}” with {searches} and {counted(campaign.creators, 'result')}"


def _change(
    reference: str,
    done: str,
    change: Callable[[Session, Transaction, Campaign], Awaitable[Campaign]],
    *,
    as_json: bool,
) -> None:
    async def work(session: Session) -> None:
        async def transaction(writing: Transaction) -> Campaign:
            campaign = await service.get_campaign(writing, session.user, reference)
            return await change(session, writing, campaign)

        _tell(await in_transaction(session.database, session.user.claim, transaction), done, as_json=as_json)

    in_session(work)


def _tell(campaign: Campaign, done: str, *, as_json: bool) -> None:
    if as_json:
        screen.write_json(campaign_document(campaign))
    else:
        screen.show(f"{done} campaign “{plain(campaign.name)}”, id {campaign.id}.")
