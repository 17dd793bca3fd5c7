"""Links by which a user unsubscribes without signing in: signed, so nobody unsubscribes somebody else."""

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from tastemaker.core.errors import NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.secret_files import ensure_secret, find_secret
from tastemaker.core.settings import Settings

FILE: Final = "mail.key"
LONGEST_TOKEN: Final = 1000
_PURPOSE: Final = b"unsubscribe\0"


class UnknownLink(NotFound):
    """A token that we did not make. The sentence does not say what is wrong with it."""


@dataclass(frozen=True, slots=True)
class MailKey:
    secret: bytes = field(repr=False)

    def token(self, user_id: ExternalUserId) -> str:
        """The same for a user for good: a link in an old e-mail works."""
        return f"{_encode(user_id.encode())}.{_encode(self._signature(user_id.encode()))}"

    def user_of(self, token: str) -> ExternalUserId:
        """Whose link it is. Raises UnknownLink."""
        try:
            user_id, signature = map(_decode, token[:LONGEST_TOKEN].encode("ascii").split(b"."))
        except ValueError:
            user_id = signature = b""
        if not hmac.compare_digest(signature, self._signature(user_id)):
            raise UnknownLink("This link is not complete, or not one of ours.")
        return ExternalUserId(user_id.decode())

    def _signature(self, user_id: bytes) -> bytes:
        return hmac.new(self.secret, _PURPOSE + user_id, sha256).digest()


def find_mail_key(settings: Settings) -> MailKey | None:
    """The setting's, else the data directory's; None where no link was ever made from here."""
    if settings.mail_key is not None:
        return MailKey(settings.mail_key.get_secret_value().encode())
    known = find_secret(settings.home / FILE)
    return None if known is None else MailKey(known.encode())


def mail_key(settings: Settings) -> MailKey:
    """A new one, in the data directory and for its owner alone, where there is none."""
    return find_mail_key(settings) or MailKey(ensure_secret(settings.home / FILE).encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: bytes) -> bytes:
    """Strictly: of one token there are no two spellings."""
    raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(raw).encode() != text:
        raise ValueError
    return raw
