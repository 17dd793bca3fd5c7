"""A creator known only by a handle becomes the account that a provider shows under it.

Adoption keeps whom the original never gave an id as `handle:<handle>`. A page that shows the handle with
an id publishes a job, which makes one of the two: results, claims, charges, posts and history become the
account's, and nobody pays twice. Where several accounts bore the handle nothing is merged: whose it was
cannot be told.
"""

from collections.abc import Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import in_transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import CreatorMerged
from tastemaker.events.service import record, record_many
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Again, Answer, Done, JobContext
from tastemaker.searches import merging_queries
from tastemaker.searches.messages import MERGE_CREATORS, MergeCreators
from tastemaker.searches.snapshots import snapshot


async def publish_merges(session: AsyncSession, user_id: ExternalUserId, surrogates: Sequence[int]) -> None:
    """A page has shown these handles with ids. In the page's own transaction."""
    if surrogates:
        await publish(session, MERGE_CREATORS, MergeCreators(surrogates=tuple(surrogates)), tenant_id=user_id)


async def merge_creators(context: JobContext, message: MergeCreators) -> Answer:
    """One transaction for each; a kill between two loses nothing, and what is one already stays one."""
    merged = 0
    for surrogate_id in message.surrogates:
        if context.stopping.is_set():
            return Again()
        work = partial(merge, surrogate_id=surrogate_id)
        merged += await in_transaction(context.database, SYSTEM, work)
    return Done({"merged": merged})


async def merge(session: AsyncSession, surrogate_id: int) -> bool:
    """By the system's claim. False: it is merged already, or several accounts bore its handle."""
    pair = await merging_queries.lock_pair(session, surrogate_id)
    if pair is None:
        return False
    joined = await merging_queries.join(session, pair)
    await record_many(session, [snapshot(search, Source.SYSTEM_AUTOMATION) for search in joined.searches])
    await record(
        session,
        CreatorMerged(
            platform=pair.platform, searches=len(joined.searches), charges_given_back=joined.charges
        ),
        aggregate_id=str(pair.account_id),
        identifier=str(pair.surrogate_id),
        source=Source.SYSTEM_AUTOMATION,
    )
    return True
