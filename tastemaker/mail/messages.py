"""The jobs of e-mail: each carries whom and what, and reads the rest when it is due."""

import hashlib
from datetime import datetime
from typing import Final

from pydantic import BaseModel

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import EmailType
from tastemaker.jobs.types import JobType

KEY_LENGTH: Final = 40


class SendEmail(BaseModel):
    """`subject`: the id of what it is about. `key` names this e-mail for good; `due` is when it was meant."""

    user_id: str
    email: EmailType
    key: str
    due: datetime
    subject: str | None = None


class EmailBody(BaseModel):
    """What the outbox keeps of an e-mail: ids, from which it is written when it leaves."""

    user_id: str
    email: EmailType
    due: datetime
    subject: str | None = None


SEND_EMAIL: Final = JobType(name="send_email", payload=SendEmail)
SEND_TRIAL_EMAIL: Final = JobType(name="send_trial_email", payload=SendEmail)
"""The name by which the original product's jobs go."""

TRIAL_EMAILS: Final = (EmailType.TRIAL_DAY2, EmailType.TRIAL_DAY5, EmailType.TRIAL_EXPIRY)


def job_type_of(email: EmailType) -> JobType[SendEmail]:
    return SEND_TRIAL_EMAIL if email in TRIAL_EMAILS else SEND_EMAIL


def email_key(user_id: ExternalUserId, email: EmailType, subject: str | None, occasion: str | None) -> str:
    """The same for the same e-mail, for good. `occasion` tells apart what happens to a subject again."""
    told = "\0".join((user_id, email.value, subject or "", occasion or ""))
    return hashlib.sha256(told.encode()).hexdigest()[:KEY_LENGTH]


def job_key(key: str) -> str:
    """One job of an e-mail waits at a time."""
    return f"email:{key}"
