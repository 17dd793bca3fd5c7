"""What time does to plans: periods of usage begin, trials end."""

from datetime import timedelta
from typing import Final

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.billing import period_queries
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import in_transaction
from tastemaker.db.enums import TrialStatus
from tastemaker.events.names import Source
from tastemaker.events.payloads import TrialConverted, TrialExpired
from tastemaker.events.service import record
from tastemaker.jobs.registry import handles
from tastemaker.jobs.schedules import Nothing, Schedule, scheduled
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Answer, Done, JobContext, JobType
from tastemaker.mail.sequence import on_trial_ended

BATCH: Final = 500


class ExpireTrial(BaseModel):
    """Whose trial is over. Harmless when it is not, or not any more."""

    user_id: str


RESET_USAGE = JobType(name="reset_usage", payload=Nothing)
FIND_ENDED_TRIALS = JobType(name="find_ended_trials", payload=Nothing, records_end=False)
EXPIRE_TRIAL = JobType(name="expire_trial", payload=ExpireTrial)


@handles(RESET_USAGE)
async def reset_usage(context: JobContext, _: Nothing) -> Answer:
    """Idempotent, and after downtime it goes straight to the period that is the current one."""
    total = 0
    while not context.stopping.is_set():
        begun = await in_transaction(
            context.database, SYSTEM, lambda session: period_queries.begin_periods(session, batch=BATCH)
        )
        total += begun
        if begun < BATCH:
            break
    return Done({"periods": total})


@handles(FIND_ENDED_TRIALS)
async def find_ended_trials(context: JobContext, _: Nothing) -> Answer:
    async def work(session: AsyncSession) -> int:
        ended = await period_queries.list_ended_trials(session, limit=BATCH)
        for user_id in ended:
            await publish(
                session,
                EXPIRE_TRIAL,
                ExpireTrial(user_id=user_id),
                tenant_id=user_id,
                dedupe_key=f"expire_trial:{user_id}",
            )
        return len(ended)

    return Done({"ended": await in_transaction(context.database, SYSTEM, work)})


@handles(EXPIRE_TRIAL)
async def expire_trial(context: JobContext, message: ExpireTrial) -> Answer:
    """Converted where a subscription is active, else expired, on the free plan; with its one event."""
    user_id = ExternalUserId(message.user_id)

    async def work(session: AsyncSession) -> None:
        ended = await period_queries.end_trial(session, user_id)
        if ended is None:
            return
        is_converted = ended.status is TrialStatus.CONVERTED
        event = (
            TrialConverted(plan=ended.plan, converted_at=ended.converted_at or ended.ended_at)
            if is_converted
            else TrialExpired(plan=ended.plan, ended_at=ended.ended_at)
        )
        await record(session, event, aggregate_id=user_id, source=Source.SYSTEM_AUTOMATION, tenant_id=user_id)
        await on_trial_ended(session, user_id, is_converted=is_converted)

    await in_transaction(context.database, SYSTEM, work)
    return Done()


scheduled(
    Schedule(
        name="reset_usage",
        every=timedelta(minutes=15),
        job=RESET_USAGE,
        meaning="Begins the next period of usage for those whose period is over, each at the own anchor.",
    )
)
scheduled(
    Schedule(
        name="find_ended_trials",
        every=timedelta(minutes=5),
        job=FIND_ENDED_TRIALS,
        meaning="Ends trials whose time is over: converted where a subscription is active, else expired.",
    )
)
