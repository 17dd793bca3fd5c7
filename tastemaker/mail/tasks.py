"""What becomes of an e-mail when it is due: it goes to the outbox, or its reason is gone."""

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import in_transaction
from tastemaker.jobs.registry import handles
from tastemaker.jobs.types import Answer, Done, JobContext
from tastemaker.mail.mailer import Mailer
from tastemaker.mail.messages import SEND_EMAIL, SEND_TRIAL_EMAIL, SendEmail
from tastemaker.mail.service import give_up, hand_over


@handles(SEND_EMAIL, needs=(Mailer,), given_up=give_up)
@handles(SEND_TRIAL_EMAIL, needs=(Mailer,), given_up=give_up)
async def send(context: JobContext, message: SendEmail) -> Answer:
    """Harmless when it runs twice: the outbox has one message of a key."""
    mailer = context.resource(Mailer)

    async def work(session: AsyncSession) -> str | None:
        return await hand_over(session, message, mailer=mailer, config=context.config)

    refusal = await in_transaction(context.database, SYSTEM, work)
    return Done({"cancelled": refusal} if refusal else {"outbox": message.key})
