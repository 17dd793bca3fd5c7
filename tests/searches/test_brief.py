"""The brief: 30 fitness creators each on TikTok and Instagram with 10k to 100k followers who post in Spanish,
show an e-mail, and were not in last month's list.
"""

import sqlite3
from pathlib import Path

import pytest

from tastemaker.campaigns.service import ensure_campaign
from tastemaker.catalog.filtering import CreatorFilter
from tastemaker.core.platforms import Platform
from tastemaker.db.transaction import transaction
from tastemaker.sandbox.corpus import generate
from tastemaker.searches.exclusions.service import exclude_found
from tastemaker.searches.service import start_search
from tastemaker.searches.types import Outcome, Search, make_request
from tests.searches.rows import many, one, table
from tests.searches.scripted import Bench
from tests.searches.test_sandbox_search import worker_over_sandbox

SPANISH = CreatorFilter(languages=("es",), min_followers=10_000, max_followers=100_000, has_email=True)
SUPPLY = """
    SELECT stable_id FROM creators WHERE language = 'es' AND email IS NOT NULL
      AND followers BETWEEN 10000 AND 100000 AND state = 'public' AND NOT hidden_followers
"""


@pytest.fixture(scope="session")
def spanish_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "spanish.sqlite"
    generate(path, creators=3000, posts_per_creator=4, seed=12, focus="fitness/es")
    return path


async def brief(bench: Bench, campaign_name: str, *, target: int, without: str | None = None) -> list[Search]:
    async with transaction(bench.database, bench.user.claim) as tx:
        campaign = await ensure_campaign(tx, bench.user, name=campaign_name)
        if without is not None:
            other = await ensure_campaign(tx, bench.user, name=without)
            await exclude_found(tx, bench.user, of=other, campaign_id=campaign.id)
        return [
            await start_search(
                tx,
                bench.user,
                campaign,
                make_request(platform=platform, keywords=("fitness",), target=target, criteria=SPANISH),
                source="sandbox",
            )
            for platform in (Platform.TIKTOK, Platform.INSTAGRAM)
        ]


@pytest.mark.slow
async def test_the_brief_is_met_exactly(bench: Bench, spanish_corpus: Path) -> None:
    async with worker_over_sandbox(bench, spanish_corpus):
        for search in await brief(bench, "september", target=5):
            assert (await bench.finish(search, within=60)).stored == 5
        searches = [
            await bench.finish(search, within=120)
            for search in await brief(bench, "october", target=30, without="september")
        ]
    assert [(one_.outcome, one_.stored) for one_ in searches] == [(Outcome.FULL, 30)] * 2
    last_month = set(await many(bench.database, FOUND_IN, name="september"))
    found = await table(bench.database, ROWS, name="october")
    assert len(found) == 60
    assert len(last_month) == 10
    for stable_id, platform, followers, emails, language, bio, status in found:
        assert stable_id not in last_month
        assert 10_000 <= followers <= 100_000
        assert language == "es"
        assert emails
        assert emails[0] in bio
        assert status == "completed"
        assert platform in {"TikTok", "Instagram"}
    with sqlite3.connect(spanish_corpus) as corpus:
        supply = {row[0] for row in corpus.execute(SUPPLY)}
    assert {row[0] for row in found} <= supply
    calls = await one(bench.database, "SELECT count(*) FROM provider_calls WHERE operation = 'fetch_profile'")
    looked = sum(one_.looked_at for one_ in searches)
    assert calls <= looked + 200


FOUND_IN = """
    SELECT c.stable_id FROM campaign_creators held JOIN creators c ON c.id = held.creator_id
    JOIN campaigns p ON p.id = held.campaign_id WHERE p.name = %(name)s
"""
ROWS = """
    SELECT c.stable_id, c.platform, c.followers, c.emails, coalesce(c.language, c.detected_language), c.bio,
           held.enhancement
    FROM campaign_creators held JOIN creators c ON c.id = held.creator_id
    JOIN campaigns p ON p.id = held.campaign_id WHERE p.name = %(name)s
"""
