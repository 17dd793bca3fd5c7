"""One trial for a person, also after their account was deleted, and none for throw-away addresses.

A trial starts with a checkout at Stripe, which asks for a card; without Stripe there are no trials. What is
kept of a person is a digest of the normalised address and of the card's fingerprint.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tastemaker.billing import stripe_queries as queries
from tastemaker.billing.stripe_queries import Customer
from tastemaker.db.enums import TrialStatus
from tastemaker.db.transaction import Transaction

EMAIL, CARD = "email", "card"
CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""Stripe's clock and the database's."""

_SALT: Final = b"tastemaker trial"
_DOTLESS: Final = {"gmail.com", "googlemail.com"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialDigests:
    """Of a person; None where it is not known."""

    email: bytes | None = None
    card: bytes | None = None


NO_DIGESTS: Final = TrialDigests()


def normalised(address: str) -> str:
    """One form for the spellings of a mailbox: case, `+tag`, the dots of Gmail and its second name."""
    mailbox, _, domain = address.strip().casefold().rpartition("@")
    mailbox = mailbox.partition("+")[0]
    if domain in _DOTLESS:
        mailbox, domain = mailbox.replace(".", ""), "gmail.com"
    return f"{mailbox}@{domain}"


def is_disposable(address: str) -> bool:
    """Whether the domain, or one above it, is on the list of throw-away domains."""
    from disposable_email_domains import blocklist  # noqa: PLC0415 - 10,000 names, for a checkout alone

    labels = address.strip().casefold().rpartition("@")[2].split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))


async def digests_of(email: str | None, fingerprint: str | None = None) -> TrialDigests:
    """Outside of a transaction: a digest takes a twentieth of a second, so that lists cannot be tried."""
    return TrialDigests(
        email=await _digest(normalised(email)) if email else None,
        card=await _digest(fingerprint) if fingerprint else None,
    )


async def may_try(tx: Transaction, customer: Customer, digests: TrialDigests) -> bool:
    """Whether the person has had no trial yet, under any account."""
    if customer.trial_start is not None or customer.trial_status is not TrialStatus.PENDING:
        return False
    if customer.email is None or is_disposable(customer.email):
        return False
    return not (await _is_claimed(tx, EMAIL, digests.email) or await _is_claimed(tx, CARD, digests.card))


async def claim_trial(tx: Transaction, digests: TrialDigests, *, began: datetime) -> bool:
    """The person has had a trial from now on; again, it changes nothing.

    False: the address or the card had one under another account, before this one `began`.
    """
    is_first = True
    for kind, digest in ((EMAIL, digests.email), (CARD, digests.card)):
        if digest is None:
            continue
        await tx.run(queries.CLAIM_TRIAL, kind=kind, digest=digest)
        claimed_at = await tx.only(queries.FIND_CLAIM, kind=kind, digest=digest)
        is_first = is_first and claimed_at >= began - CLOCKS_DIFFER
    return is_first


async def _is_claimed(tx: Transaction, kind: str, digest: bytes | None) -> bool:
    return digest is not None and await tx.one(queries.FIND_CLAIM, kind=kind, digest=digest) is not None


async def _digest(given: str) -> bytes:
    return await asyncio.to_thread(
        hashlib.scrypt, given.encode("utf-8", "surrogatepass"), salt=_SALT, n=2**14, r=8, p=1, dklen=32
    )
