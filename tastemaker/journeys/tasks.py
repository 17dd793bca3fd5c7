"""Who handles the messages of what spans slices."""

from typing import Final

from tastemaker.core.clock import monotonic
from tastemaker.core.ids import ExternalUserId
from tastemaker.jobs.registry import handles
from tastemaker.jobs.types import Again, Answer, Done, JobContext
from tastemaker.journeys.account_deletion import erase_some_of
from tastemaker.journeys.messages import ERASE_USER, EraseUser

SLICE_SECONDS: Final = 4.0


@handles(ERASE_USER)
async def erase_user(context: JobContext, message: EraseUser) -> Answer:
    """Batch after batch for a time slice; a kill between two loses nothing."""
    slice_ends = monotonic() + SLICE_SECONDS
    while await erase_some_of(context.database, ExternalUserId(message.user_id)):
        if context.stopping.is_set() or monotonic() >= slice_ends:
            return Again()
    return Done()
