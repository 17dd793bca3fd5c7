"""QStash as this installation uses it: where it is, where it calls us, with which keys."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydantic import SecretStr

from tastemaker.core.errors import InvalidInput
from tastemaker.core.settings import Settings
from tastemaker.jobs.transports.signatures import SigningKeys

PREFIX: Final = "/webhooks/qstash"


class Callback(StrEnum):
    """What QStash calls: the last part of the path."""

    SEARCH_RUNS = "search-runs"
    BACKGROUND_JOBS = "background-jobs"
    EMAILS = "emails"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class QStash:
    """`public_url` is how the world reaches us, without a slash at its end."""

    base_url: str
    public_url: str
    token: str = field(repr=False)
    keys: SigningKeys = field(repr=False)

    def url_of(self, callback: Callback) -> str:
        """What a callback's token has to name, whatever host the request says it is for."""
        return f"{self.public_url}{PREFIX}/{callback}"


def callback_of(job_type: str) -> Callback:
    """Where jobs of the type are delivered."""
    if job_type == "continue_run":
        return Callback.SEARCH_RUNS
    if job_type.startswith("send_") and job_type.endswith("email"):
        return Callback.EMAILS
    return Callback.BACKGROUND_JOBS


def find_qstash(settings: Settings) -> QStash | None:
    """None where jobs travel by the database alone. Raises InvalidInput that names what is missing."""
    if settings.job_transport != "qstash":
        return None
    current = _given(settings.qstash_current_signing_key, "QSTASH_CURRENT_SIGNING_KEY")
    following = settings.qstash_next_signing_key
    if settings.public_url is None:
        raise InvalidInput(_missing("TASTEMAKER_PUBLIC_URL"))
    try:
        keys = SigningKeys(current, None if following is None else following.get_secret_value())
    except ValueError:
        raise InvalidInput("A QSTASH signing key is too short to be one.") from None
    return QStash(
        base_url=settings.qstash_url.rstrip("/"),
        public_url=settings.public_url.rstrip("/"),
        token=_given(settings.qstash_token, "QSTASH_TOKEN"),
        keys=keys,
    )


def _given(secret: SecretStr | None, variable: str) -> str:
    if secret is None:
        raise InvalidInput(_missing(variable))
    return secret.get_secret_value()


def _missing(variable: str) -> str:
    return f"With TASTEMAKER_JOB_TRANSPORT=qstash {variable} is needed."
