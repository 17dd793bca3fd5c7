"""A worker that is told whose jobs to take leaves all others."""

from pydantic import BaseModel

from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import Database, session_scope
from tastemaker.jobs import queries
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import JobType


class Note(BaseModel):
    word: str


NOTE = JobType(name="note", payload=Note)


async def test_only_the_named_correlations_are_claimed(database: Database) -> None:
    async with session_scope(database, SYSTEM) as session:
        for word in ("mine", "theirs"):
            await publish(session, NOTE, Note(word=word), correlation_id=word)
        await publish(session, NOTE, Note(word="nobody's"))
    assert await claimed(database, frozenset()) == set()
    assert await claimed(database, frozenset({"mine"})) == {"mine"}
    assert await claimed(database, None) == {"theirs", "nobody's"}


async def claimed(database: Database, only: frozenset[str] | None) -> set[str]:
    async with session_scope(database, SYSTEM) as session:
        jobs = await queries.claim(session, worker="test", job_types=["note"], batch=10, lease=30, only=only)
    return {job.payload["word"] for job in jobs}
