"""QStash as this installation uses it: where it is, where it calls us, and how its calls are signed.

A call carries a JWT in `Upstash-Signature`: HS256 under the current or the next signing key, `iss` Upstash,
`sub` the URL that was called, `body` the base64url of the SHA-256 of the raw body, valid for five minutes.
The URL comes from our configuration, never from the request's Host.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Final

import jwt
from pydantic import SecretStr

from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.settings import Settings

PREFIX: Final = "/webhooks/qstash"

ISSUER: Final = "Upstash"
LEEWAY_SECONDS: Final = 30
LONGEST_TOKEN: Final = 8192
LONGEST_LIFE_SECONDS: Final = 24 * 3600
LONGEST_ID: Final = 200
SHORTEST_KEY: Final = 32
_REQUIRED: Final = ["iss", "sub", "exp", "nbf", "iat", "jti", "body"]


class Callback(StrEnum):
    """What QStash calls: the last part of the path."""

    SEARCH_RUNS = "search-runs"
    BACKGROUND_JOBS = "background-jobs"
    EMAILS = "emails"
    FAILURES = "failures"


class NotSigned(AppError):
    """The call is not the signer's. What was wrong with it is for the log, not for the caller."""

    status: ClassVar[int] = 401


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The key in use, and the one that will be: during a rotation both are."""

    current: str = field(repr=False)
    next: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if any(len(key) < SHORTEST_KEY for key in self.all):
            raise ValueError("a signing key that short proves nothing")

    @property
    def all(self) -> tuple[str, ...]:
        return (self.current,) if self.next is None else (self.current, self.next)


@dataclass(frozen=True, slots=True)
class QStash:
    """`public_url` is how the world reaches us, without a slash at its end."""

    base_url: str
    public_url: str
    token: str = field(repr=False)
    keys: SigningKeys = field(repr=False)

    def url_of(self, callback: Callback) -> str:
        """What a callback's token has to name, not the host that the request names."""
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


def verify(token: str | None, *, url: str, body: bytes, keys: SigningKeys) -> str:
    """The token's own id, different for each attempt. Raises NotSigned."""
    if not token or len(token) > LONGEST_TOKEN or not token.isascii():
        raise NotSigned("The call is not signed.")
    reason: Exception | None = None
    for key in keys.all:
        try:
            claims = _decoded(token, key, url)
        except jwt.InvalidSignatureError as error:
            reason = error
            continue
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            reason = error
            break
        return _checked(claims, body)
    raise NotSigned("The signature is not valid.") from reason


def body_claim(body: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _decoded(token: str, key: str, url: str) -> dict[str, Any]:
    return jwt.decode(
        token,
        key,
        algorithms=["HS256"],
        issuer=ISSUER,
        subject=url,
        leeway=LEEWAY_SECONDS,
        options={"require": _REQUIRED},
    )


def _checked(claims: dict[str, Any], body: bytes) -> str:
    """What the library does not look at: the body, and that a token is not valid for ever."""
    said, token_id = claims["body"], claims["jti"]
    if not isinstance(said, str) or not said.isascii():
        raise NotSigned("The signature is not valid.")
    if not hmac.compare_digest(said.rstrip("="), body_claim(body)):
        raise NotSigned("The signature is of another body.")
    if not 1 <= len(token_id) <= LONGEST_ID or "\0" in token_id:
        raise NotSigned("The signature is not valid.")
    if int(claims["exp"]) - int(claims["iat"]) > LONGEST_LIFE_SECONDS:
        raise NotSigned("The signature would be valid for too long.")
    return str(token_id)
