"""Unsubscribing from marketing: signed links, and what they do.

A link works without signing in. It is signed, so that nobody can unsubscribe another user.
"""

import base64
import hmac
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from tastemaker.core.errors import NotFound
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.private_files import ensure_secret, find_secret
from tastemaker.core.settings import Settings
from tastemaker.db.enums import UnsubscriptionSource
from tastemaker.db.transaction import Transaction
from tastemaker.mail import queries
from tastemaker.mail.kinds import KINDS
from tastemaker.mail.service import cancel_emails

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
        """The user of the link. Raises UnknownLink."""
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


async def unsubscribe(tx: Transaction, user_id: ExternalUserId, *, source: UnsubscriptionSource) -> bool:
    """No marketing from now on; what of it was scheduled is cancelled. False: it was so before."""
    is_new = await queries.unsubscribe(tx, user_id, source)
    marketing = [kind.type for kind in KINDS.values() if kind.is_marketing]
    await cancel_emails(tx, user_id, marketing, reason="The user has unsubscribed.")
    return is_new


async def unsubscribe_by_link(tx: Transaction, key: MailKey, token: str) -> ExternalUserId:
    """What the link in an e-mail does; harmless any number of times. The tx carries the system's claim.

    The holder of the link is not authenticated otherwise, so nothing about the user may be shown.
    Raises UnknownLink.
    """
    user_id = key.user_of(token)
    await unsubscribe(tx, user_id, source=UnsubscriptionSource.LINK)
    return user_id


async def resubscribe(tx: Transaction, user_id: ExternalUserId) -> bool:
    """Marketing again. False: it was never refused."""
    return await queries.resubscribe(tx, user_id)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: bytes) -> bytes:
    """Strictly: of one token there are no two spellings."""
    raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(raw).encode() != text:
        raise ValueError
    return raw
