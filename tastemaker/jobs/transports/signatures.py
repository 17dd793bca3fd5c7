"""Whether a callback is QStash's: its token, checked by ourselves.

The protocol: a JWT in `Upstash-Signature`, HS256 under the current or the next signing key, `iss` Upstash,
`sub` the URL that was called, `body` the base64url of the SHA-256 of the raw body, valid for five minutes.
The URL comes from our configuration, never from the request's Host.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import jwt

from tastemaker.core.errors import AppError

ISSUER: Final = "Upstash"
LEEWAY_SECONDS: Final = 30
LONGEST_TOKEN: Final = 8192
LONGEST_LIFE_SECONDS: Final = 24 * 3600
LONGEST_ID: Final = 200
SHORTEST_KEY: Final = 32
_REQUIRED: Final = ["iss", "sub", "exp", "nbf", "iat", "jti", "body"]


class NotSigned(AppError):
    """The call is not the signer's. What was wrong with it is for the log, not for whoever tries."""

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
