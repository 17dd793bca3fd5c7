"""Help with keywords: what stands beside a word more often than elsewhere, hashtags, and other spellings."""

import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.catalog.keywords import help_with, suggest_more
from tastemaker.catalog.queries import Provenance, upsert
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.providers.base import Creator

BIOS = [
    *["fitness cardio every day with #gymlife"] * 6,
    *["fitness entrenamiento every day"] * 3,
    *["cooking every day with pasta"] * 20,
    *["東京の料理"] * 2,
]


@pytest.fixture
async def catalog(database: Database, user: CurrentUser) -> Database:
    people = [
        Creator(
            platform=Platform.TIKTOK, stable_id=str(number), handle=f"person{number}x", name=None, bio=bio
        )
        for number, bio in enumerate(BIOS)
    ]
    origin = Provenance(source="sandbox", policy="sandbox", keep_days=None)
    async with transaction(database, user.claim) as tx:
        await upsert(tx, people, [], provenance=origin, now=utc_now())
    return database


async def test_related_words_stand_beside_the_keyword_more_often_than_elsewhere(
    catalog: Database, user: CurrentUser
) -> None:
    async with transaction(catalog, user.claim) as tx:
        found = await help_with(tx, "Fitness", made_up=True)
        assert found.creators == 9
        assert [one.term for one in found.related] == ["cardio", "entrenamiento"]
        assert [(one.term, one.creators) for one in found.hashtags] == [("#gymlife", 6)]
        assert found.suggestions == ("gymlife", "cardio", "entrenamiento")
        assert (await help_with(tx, "fitness", made_up=False)).creators == 0, "the sandbox's are apart"
        assert (await help_with(tx, "料理", made_up=True)).creators == 2


async def test_a_misspelt_or_too_narrow_keyword_is_told_what_finds_more(
    catalog: Database, user: CurrentUser
) -> None:
    async with transaction(catalog, user.claim) as tx:
        wrong = await help_with(tx, "fitnes", made_up=True)
        assert (wrong.creators, [one.term for one in wrong.spellings]) == (0, ["fitness"])
        assert [one.term for one in (await help_with(tx, "entre", made_up=True)).completions] == [
            "entrenamiento"
        ]
        assert (await suggest_more(tx, ["fitness pasta"], made_up=True))[:2] == ("fitness", "pasta")
        assert await suggest_more(tx, ["!!", "zzzz"], made_up=True) == ()
        with pytest.raises(InvalidInput):
            await help_with(tx, " ?! ", made_up=True)
        for hostile in ('" OR 1', "a:* | b", "-x", "100%", "it's", "\\"):
            await suggest_more(tx, [hostile], made_up=True)
