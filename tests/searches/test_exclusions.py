"""Whom a search leaves out: not kept, not charged, and where suppressed not even known."""

from pathlib import Path

import psycopg
import pytest

from tastemaker.campaigns.service import create_campaign, get_campaign
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.searches.exclusions import names, service
from tastemaker.searches.exclusions.names import SuppressionKey, ensure_key, find_key, name_creator
from tastemaker.searches.exclusions.service import AdministratorRequired, WrongSuppressionKey
from tastemaker.searches.types import Outcome, Status
from tests.searches.rows import many, one, write
from tests.searches.scripted import Bench, ScriptedProvider, page, pages_of, working

KEY = SuppressionKey(b"a key of the tests")
EVERYBODY = "SELECT stable_id FROM search_creators ORDER BY stable_id"
COUNTERS = """
    SELECT 1 FROM scraping_jobs j
    WHERE processed_results <> (SELECT count(*) FROM search_creators WHERE job_id = j.id)
       OR processed_results <> (
           SELECT sum(jsonb_array_length(creators)) FROM scraping_results WHERE job_id = j.id)
       OR processed_results <> (SELECT sum(stored) FROM scraping_runs WHERE job_id = j.id)
"""


async def test_who_is_excluded_is_neither_kept_nor_charged(bench: Bench) -> None:
    async with transaction(bench.database, bench.user.claim) as tx:
        people = [name_creator("youtube", "@Creator3"), name_creator("youtube", "UC000007", is_id=True)]
        people += [name_creator("tiktok", "creator5")]
        assert await service.exclude(tx, bench.user, people, note="competitors") == 3
        assert await service.exclude(tx, bench.user, people) == 0
    async with working(bench.database, ScriptedProvider(pages_of(10, 20))):
        ended = await bench.finish(await bench.start("chess", target=18))
    assert (ended.outcome, ended.stored) == (Outcome.FULL, 18)
    found = await many(bench.database, EVERYBODY)
    assert {f"UC{number:06}" for number in range(20)} - set(found) == {"UC000003", "UC000007"}
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 18
    assert await one(bench.database, "SELECT count(*) FROM creators") == 20, "the catalog may know them"


async def test_a_campaigns_list_is_that_campaigns(bench: Bench) -> None:
    async with transaction(bench.database, bench.user.claim) as tx:
        test = await create_campaign(tx, bench.user, name="test")
        other = await create_campaign(tx, bench.user, name="other")
        for campaign, name in ((test, "creator1"), (other, "creator2")):
            await service.exclude(tx, bench.user, [name_creator("youtube", name)], campaign_id=campaign.id)
    async with working(bench.database, ScriptedProvider(pages_of(5, 5))):
        await bench.finish(await bench.start("chess"))
    assert await many(bench.database, EVERYBODY) == ["UC000000", "UC000002", "UC000003", "UC000004"]


async def test_pages_of_excluded_creators_do_not_end_a_search(bench: Bench) -> None:
    async with transaction(bench.database, bench.user.claim) as tx:
        people = [name_creator("youtube", f"creator{number}") for number in range(25)]
        await service.exclude(tx, bench.user, people)
    async with working(bench.database, ScriptedProvider(pages_of(5, 30))):
        ended = await bench.finish(await bench.start("chess"))
    assert ended.stored == 5


async def test_one_excluded_creator_on_endless_pages_ends_the_keyword(bench: Bench) -> None:
    async with transaction(bench.database, bench.user.claim) as tx:
        await service.exclude(tx, bench.user, [name_creator("youtube", "creator1")])
    numbers = iter(range(1000))
    provider = ScriptedProvider(lambda _keyword, _cursor: page([1, 2], f"page-{next(numbers)}"))
    async with working(bench.database, provider):
        ended = await bench.finish(await bench.start("chess"))
    assert (ended.stored, ended.pages) == (1, 1 + 20)
    assert await one(bench.database, "SELECT end_reason FROM scraping_runs") == "no_new_creators"


async def test_who_is_suppressed_leaves_no_trace(bench: Bench) -> None:
    """Known before: taken out everywhere, the counters still count. Met again: not stored.

    Also not on the pages that were paid for: the second search is answered from one of them, or asks.
    """
    async with working(bench.database, ScriptedProvider(pages_of(10, 20)), key=KEY):
        first = await bench.finish(await bench.start("chess", target=20, source="live"))
        async with transaction(bench.database, SYSTEM) as tx:
            held = await service.suppress(
                tx, bench.user, KEY, name_creator("youtube", "Creator4"), reason="asked"
            )
        assert (held, (await bench.reload(first)).stored) == (1, 19)
        again = await bench.finish(await bench.start("chess", target=30, source="live"))
    assert again.stored == 19
    assert await one(bench.database, "SELECT count(*) FROM provider_pages") == 2
    assert await many(bench.database, COUNTERS) == []
    for table in await tables(bench):
        rows = await many(bench.database, f"SELECT to_jsonb(t)::text FROM {table} t")  # noqa: S608 - a table's name
        assert [row for row in map(str, rows) if "UC000004" in row or "creator4" in row.lower()] == [], table
    assert await one(bench.database, "SELECT usage_creators_current_month FROM user_usage") == 20
    assert await one(bench.database, "SELECT count(*) FROM usage_charges") == 20


async def test_a_changed_handle_or_the_id_gives_nobody_away(bench: Bench) -> None:
    async with working(bench.database, ScriptedProvider(pages_of(3, 3)), key=KEY):
        await bench.finish(await bench.start("chess"))
        async with transaction(bench.database, SYSTEM) as tx:
            await service.suppress(tx, bench.user, KEY, name_creator("youtube", "creator1"))
        kinds = await many(bench.database, "SELECT kind FROM suppressions ORDER BY kind")
        assert kinds == ["handle", "stable_id"], "who is known is suppressed by both"
        async with transaction(bench.database, SYSTEM) as tx:
            await service.lift_suppression(tx, bench.user, KEY, name_creator("youtube", "creator1"))
            with pytest.raises(NotFound):
                await service.lift_suppression(tx, bench.user, KEY, name_creator("youtube", "nobody"))
        again = await bench.finish(await bench.start("again"))
    assert again.stored == 2, "the id still is"


@pytest.mark.parametrize("key", [None, SuppressionKey(b"another")], ids=["no key", "another key"])
async def test_without_the_key_nothing_is_stored(bench: Bench, key: SuppressionKey | None) -> None:
    async with transaction(bench.database, SYSTEM) as tx:
        await service.suppress(tx, bench.user, KEY, name_creator("youtube", "creator1"))
    provider = ScriptedProvider(pages_of(3, 3))
    async with working(bench.database, provider, key=key):
        parked = await bench.finish(await bench.start("chess"))
    assert (parked.status, provider.asked) == (Status.PENDING, [])
    assert "key of the list of suppressed people" in (parked.parked_reason or "")
    if key is not None:
        with pytest.raises(WrongSuppressionKey):
            async with transaction(bench.database, SYSTEM) as tx:
                await service.suppress(tx, bench.user, key, name_creator("youtube", "creator2"))


async def test_only_an_administrator_suppresses_and_no_tenant_writes_the_list(bench: Bench) -> None:
    await write(bench.database, "UPDATE users SET is_admin = false")
    async with transaction(bench.database, bench.user.claim) as tx:
        await create_campaign(tx, bench.user, name="test")
        assert await get_campaign(tx, bench.user, "test")
    stranger = type(bench.user)(user_id=bench.user.user_id, id=bench.user.id, plan="free", is_admin=False)
    with pytest.raises(AdministratorRequired):
        async with transaction(bench.database, SYSTEM) as tx:
            await service.suppress(tx, stranger, KEY, name_creator("youtube", "creator1"))
    with pytest.raises(psycopg.Error, match="row-level security"):
        async with transaction(bench.database, bench.user.claim) as tx:
            await service.suppress(tx, bench.user, KEY, name_creator("youtube", "creator1"))


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert find_key(settings) is None
    made = ensure_key(settings)
    assert made == ensure_key(settings) == find_key(settings)
    assert (tmp_path / "home" / "suppression.key").stat().st_mode & 0o777 == 0o600
    assert str(made.secret) not in repr(made)
    given = Settings(home=tmp_path, suppression_key="shared")
    assert find_key(given) == SuppressionKey(b"shared")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_list_is_read_by_its_columns() -> None:
    lines = ["Platform,Note,Handle,ID\n", "TikTok,x,@Anna,\n", "youtube,,,UC1\n", ",,,\n"]
    read = [(one.platform, one.kind, one.value) for one in names.read_list(lines)]
    assert read == [(Platform.TIKTOK, "handle", "anna"), (Platform.YOUTUBE, "stable_id", "UC1")]
    with pytest.raises(InvalidInput):
        list(names.read_list(["name\n", "anna\n"]))
    with pytest.raises(InvalidInput):
        name_creator("youtube", "@")


async def tables(bench: Bench) -> list[str]:
    names = await many(
        bench.database,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND has_table_privilege(oid, 'SELECT')",
    )
    return [str(name) for name in names]


def test_an_older_export_names_its_creators_where_it_can() -> None:
    """Before our exports had `Handle` and `Profile URL`, a campaign's had a title and a post."""
    heading = "Platform,Creator/Channel Name,Followers,Video/Content URL,Title/Description\n"
    tiktok = (
        'TikTok,Anna Baker,100,https://www.tiktok.com/@anna.bakes/video/7301234567890123456,"Cake, again"\n'
    )
    youtube = "YouTube,Anna Baker,100,https://www.youtube.com/watch?v=dQw4w9WgXcQ,Cake\n"
    (anna,) = names.read_list([heading, tiktok])
    assert (anna.platform, anna.kind, anna.value) == (Platform.TIKTOK, "handle", "anna.bakes")
    with pytest.raises(InvalidInput, match=r"Line 3: this older export .* Export the search again"):
        list(names.read_list([heading, tiktok, youtube]))
    channels = "Channel Name,Subscribers,Video URL,Platform\n"
    with pytest.raises(InvalidInput, match="--exclude-campaign"):
        list(names.read_list([channels, "Anna Baker,7,https://youtu.be/dQw4w9WgXcQ,YouTube\n"]))
