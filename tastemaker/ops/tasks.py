"""The jobs by which the installation watches itself."""

from dataclasses import asdict
from typing import Final

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import in_transaction
from tastemaker.events.lag import Lag, check_lag
from tastemaker.jobs.types import Answer, Done, Handlers, JobContext, JobType, Registered


class CheckEventLag(BaseModel):
    """Nothing to say."""


CHECK_EVENT_LAG: Final = JobType("check_event_lag", CheckEventLag, max_retries=0)


async def check_event_lag(context: JobContext, _: CheckEventLag) -> Answer:
    """Warn in the log when delivery is behind; the result is what was found."""

    async def work(session: AsyncSession) -> Lag:
        return await check_lag(session)

    return Done(asdict(await in_transaction(context.database, SYSTEM, work)))


def ops_handlers() -> Handlers:
    return {CHECK_EVENT_LAG.name: Registered(CHECK_EVENT_LAG, check_event_lag)}
