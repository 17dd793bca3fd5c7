"""A worker that is told whose jobs to take leaves all others."""

from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tastemaker.jobs.service import publish
from tests.jobs.notes import NOTE, Note, claimed


async def test_only_the_named_correlations_are_claimed(database: Database) -> None:
    async with transaction(database, SYSTEM) as tx:
        for word in ("mine", "theirs"):
            await publish(tx, NOTE, Note(word=word), correlation_id=word)
        await publish(tx, NOTE, Note(word="nobody's"))
    assert await words(database, frozenset()) == set()
    assert await words(database, frozenset({"mine"})) == {"mine"}
    assert await words(database, None) == {"theirs", "nobody's"}


async def words(database: Database, only: frozenset[str] | None) -> set[str]:
    return {job.payload["word"] for job in await claimed(database, only=only)}
