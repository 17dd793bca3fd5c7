"""Jobs about users: the end of onboarding."""

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.accounts.service import complete_onboarding
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import in_transaction
from tastemaker.jobs.registry import handles
from tastemaker.jobs.types import Answer, Done, JobContext, JobType


class CompleteOnboarding(BaseModel):
    """Whose onboarding is complete. Harmless when it comes twice."""

    user_id: str


COMPLETE_ONBOARDING = JobType(name="complete_onboarding", payload=CompleteOnboarding)


@handles(COMPLETE_ONBOARDING)
async def handle_onboarding(context: JobContext, message: CompleteOnboarding) -> Answer:
    user_id = ExternalUserId(message.user_id)

    async def work(session: AsyncSession) -> bool:
        return await complete_onboarding(session, user_id)

    return Done({"completed": await in_transaction(context.database, Tenant(user_id), work)})
