import asyncio

import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import ensure_local_user
from tastemaker.campaigns.queries import list_campaigns
from tastemaker.campaigns.service import (
    archive_campaign,
    complete_if_idle,
    create_campaign,
    describe_campaign,
    ensure_campaign,
    get_campaign,
    rename_campaign,
    restore_campaign,
)
from tastemaker.core.errors import Conflict, InvalidInput, LimitReached, NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction
from tastemaker.searches.service import start_search
from tastemaker.searches.types import make_request
from tests.conftest import AddUsers

END = statement(
    "UPDATE scraping_jobs SET status = 'completed'"
    " WHERE keywords = jsonb_build_array(CAST(%(keyword)s AS text))"
)


async def test_a_campaign_is_found_by_id_by_its_start_and_by_name(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        made = await create_campaign(tx, user, name="  Summer   launch ")
        for reference in (str(made.id), str(made.id)[:8], "Summer launch"):
            assert await get_campaign(tx, user, reference) == made
        with pytest.raises(NotFound):
            await get_campaign(tx, user, "Winter")
    assert (made.name, made.status, made.search_type) == ("Summer launch", "draft", "keyword")


async def test_another_users_campaign_does_not_exist(
    database: Database, user: CurrentUser, add_users: AddUsers
) -> None:
    add_users("stranger")
    async with transaction(database, user.claim) as tx:
        made = await create_campaign(tx, user, name="Mine")
    stranger = CurrentUser(user_id=ExternalUserId("stranger"), id=user.id, plan="self_hosted", is_admin=False)
    async with transaction(database, stranger.claim) as tx:
        assert (await list_campaigns(tx, stranger.user_id, limit=10)).rows == ()
        with pytest.raises(NotFound):
            await get_campaign(tx, stranger, str(made.id))


async def test_twenty_clicks_at_a_limit_of_three_make_exactly_three(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(statement("UPDATE user_usage SET plan_campaigns_limit = 3"))

    async def click(number: int) -> bool:
        try:
            async with transaction(database, user.claim) as tx:
                await create_campaign(tx, user, name=f"Click {number}")
        except LimitReached:
            return False
        return True

    made = await asyncio.gather(*(click(number) for number in range(20)))
    assert sum(made) == 3
    async with transaction(database, user.claim) as tx:
        assert len((await list_campaigns(tx, user.user_id, limit=50)).rows) == 3


async def test_the_event_and_the_counter_belong_to_the_same_transaction(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        await create_campaign(tx, user, name="One")
    with pytest.raises(RuntimeError):
        async with transaction(database, user.claim) as tx:
            await create_campaign(tx, user, name="Two")
            raise RuntimeError
    async with transaction(database, SYSTEM) as tx:
        counted = await tx.only(statement("SELECT usage_campaigns_current FROM user_usage", int))
        told = await tx.only(
            statement("SELECT count(*) FROM events WHERE event_type = 'campaign_created'", int)
        )
        keys = await tx.only(statement("SELECT count(*) FROM event_keys", int))
    assert (counted, told, keys) == (1, 1, 2)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "\x00"])
async def test_a_name_has_bounds(database: Database, user: CurrentUser, name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 200"):
        async with transaction(database, user.claim) as tx:
            await create_campaign(tx, user, name=name)


async def test_ensuring_a_campaign_makes_it_once(database: Database, user: CurrentUser) -> None:
    async with transaction(database, user.claim) as tx:
        first = await ensure_campaign(tx, user, name="Chess")
        assert (await ensure_campaign(tx, user, name="Chess")).id == first.id


async def test_the_local_user_is_made_once_with_its_rows(database: Database) -> None:
    async def ensure() -> CurrentUser:
        async with transaction(database, SYSTEM) as tx:
            return await ensure_local_user(tx)

    users = await asyncio.gather(*(ensure() for _ in range(5)))
    assert {user.id for user in users} == {users[0].id}
    assert users[0].plan == "self_hosted"
    async with transaction(database, SYSTEM) as tx:
        for table in ("users", "user_subscriptions", "user_usage", "user_system_data", "events"):
            assert await tx.only(statement(f"SELECT count(*) FROM {table}", int)) == 1  # noqa: S608 - literals above


async def test_a_campaign_whose_last_two_searches_end_in_one_moment_is_completed(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        campaign = await create_campaign(tx, user, name="Two at once")
        for keyword in ("chess", "makeup"):
            request = make_request(platform=Platform.YOUTUBE, keywords=[keyword], target=5)
            await start_search(tx, user, campaign, request, source="sandbox")

    both_ended = asyncio.Barrier(2)

    async def end(keyword: str) -> None:
        async with transaction(database, user.claim) as tx:
            await tx.run(END, keyword=keyword)
            await both_ended.wait()
            await complete_if_idle(tx, user.user_id, campaign.id)
            await asyncio.sleep(0.1)

    await asyncio.gather(end("chess"), end("makeup"))
    async with transaction(database, user.claim) as tx:
        assert (await get_campaign(tx, user, str(campaign.id))).status == "completed"


async def test_a_campaign_is_renamed_and_described_and_each_is_told_once(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        made = await create_campaign(tx, user, name="One", description=" for  the spring ")
        assert made.description == "for the spring"
    async with transaction(database, user.claim) as tx:
        renamed = await rename_campaign(tx, user, made, name=" Two ")
        assert (renamed.name, renamed.description) == ("Two", "for the spring")
        assert await rename_campaign(tx, user, renamed, name="Two") == renamed
        with pytest.raises(InvalidInput):
            await rename_campaign(tx, user, renamed, name=" ")
    async with transaction(database, user.claim) as tx:
        assert (await describe_campaign(tx, user, renamed, description="")).description is None
    async with transaction(database, SYSTEM) as tx:
        told = statement(
            "SELECT event_data ->> 'name' FROM events WHERE event_type = 'campaign_changed'", str
        )
        assert await tx.many(told) == ["Two", "Two"]


async def test_the_archive_frees_a_place_and_coming_back_takes_one(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, SYSTEM) as tx:
        await tx.run(statement("UPDATE user_usage SET plan_campaigns_limit = 1"))
    async with transaction(database, user.claim) as tx:
        first = await create_campaign(tx, user, name="First")
        with pytest.raises(LimitReached):
            await create_campaign(tx, user, name="Second")
        archived = await archive_campaign(tx, user, first)
        assert archived.status == "archived"
        with pytest.raises(Conflict, match="archived already"):
            await archive_campaign(tx, user, first)
        await create_campaign(tx, user, name="Second")
    with pytest.raises(LimitReached):
        async with transaction(database, user.claim) as tx:
            await restore_campaign(tx, user, archived)
    async with transaction(database, user.claim) as tx:
        await archive_campaign(tx, user, await get_campaign(tx, user, "Second"))
        assert (await restore_campaign(tx, user, archived)).status == "draft"
        with pytest.raises(Conflict, match="not archived"):
            await restore_campaign(tx, user, first)
    async with transaction(database, SYSTEM) as tx:
        assert await tx.only(statement("SELECT usage_campaigns_current FROM user_usage", int)) == 1


async def test_a_campaign_with_a_running_search_is_not_put_away_and_takes_one_type(
    database: Database, user: CurrentUser
) -> None:
    async with transaction(database, user.claim) as tx:
        campaign = await create_campaign(tx, user, name="Busy")
        request = make_request(platform=Platform.YOUTUBE, keywords=["chess"], target=5)
        await start_search(tx, user, campaign, request, source="sandbox")
        with pytest.raises(Conflict, match="is running"):
            await archive_campaign(tx, user, campaign)
        similar = await create_campaign(tx, user, name="Alike", search_type="similar")
        with pytest.raises(Conflict, match="takes no keyword search"):
            await start_search(tx, user, similar, request, source="sandbox")
        with pytest.raises(InvalidInput):
            await create_campaign(tx, user, name="Odd", search_type="odd")


async def test_campaigns_are_listed_page_by_page(database: Database, user: CurrentUser) -> None:
    async with transaction(database, user.claim) as tx:
        for number in range(5):
            await create_campaign(tx, user, name=f"Number {number}")
    seen, after = [], None
    async with transaction(database, user.claim) as tx:
        for _ in range(3):
            page = await list_campaigns(tx, user.user_id, limit=2, after=after)
            seen += [campaign.id for campaign in page.rows]
            after = page.next
        whole = await list_campaigns(tx, user.user_id, limit=9)
    assert after is None
    assert seen == [campaign.id for campaign in whole.rows]
    assert len(set(seen)) == 5
