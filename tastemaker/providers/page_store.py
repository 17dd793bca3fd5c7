"""Pages that were paid for, for the next one who asks the same: by normalised question, for a stated time.

A page is kept as it was understood, so a row needs no adapter to be read. What changes the form of a page
raises `FORM`, and older rows are not found any more.
"""

import hashlib
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from tastemaker.core.accounts import fold_handle
from tastemaker.core.ids import RunId
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Cost, Declaration, KeywordQuery, Page, ProfileQuery

FORM: Final = 2

FREE: Final = Cost(calls=0, units=0)


@dataclass(frozen=True, slots=True)
class StoredPage:
    page: Any
    fetched_at: datetime


FIND = statement(
    """
    SELECT page, fetched_at FROM provider_pages
    WHERE provider = %(provider)s AND request_digest = %(digest)s AND expires_at > app_now()
      AND (CAST(%(age)s AS float) IS NULL OR fetched_at > app_now() - make_interval(secs => %(age)s))
""",
    StoredPage,
)

KEEP = statement("""
    INSERT INTO provider_pages AS kept (provider, request_digest, page, stable_ids, fetched_at, expires_at)
    VALUES (%(provider)s, %(digest)s, CAST(%(page)s AS jsonb), %(stable_ids)s, app_now(),
            app_now() + make_interval(secs => %(seconds)s))
    ON CONFLICT (provider, request_digest) DO UPDATE
    SET page = excluded.page, stable_ids = excluded.stable_ids, fetched_at = excluded.fetched_at,
        expires_at = excluded.expires_at
""")

LOCK_QUESTION = statement("SELECT pg_advisory_xact_lock(%(number)s)")
ON_ITS_WAY = statement(
    """
    SELECT EXISTS (
        SELECT FROM provider_calls
        WHERE gate = %(gate)s AND status = 'estimated' AND request_digest = %(digest)s
          AND run_id <> %(run_id)s AND started_at > app_now() - make_interval(secs => %(seconds)s)
    ) OR EXISTS (
        SELECT FROM provider_pages
        WHERE provider = %(provider)s AND request_digest = %(digest)s AND expires_at > app_now()
    ) AS is_on_its_way
""",
    bool,
    not_null="is_on_its_way",
)
"""One statement, so that it sees a call that is settled together with its page, or neither."""

KEEPING = statement("SELECT pg_advisory_xact_lock_shared(hashtext('tastemaker.provider_pages'))")
FORGETTING = statement("SELECT pg_advisory_xact_lock(hashtext('tastemaker.provider_pages'))")

FORGET_EXPIRED = statement(
    """
    WITH gone AS (DELETE FROM provider_pages WHERE expires_at <= app_now() RETURNING 1)
    SELECT count(*) FROM gone
""",
    int,
    not_null="count",
)

FORGET_CREATOR = statement(
    """
    WITH samples AS (
        DELETE FROM provider_samples
    ), gone AS (
        DELETE FROM provider_pages WHERE stable_ids @> ARRAY[CAST(%(named)s AS text)] RETURNING 1
    ) SELECT count(*) FROM gone
""",
    int,
    not_null="count",
)

_PAGES: Final = TypeAdapter(Page)


@dataclass(frozen=True, slots=True)
class PaidPage:
    """A page that an earlier call brought, at no cost now, and when that was."""

    page: Page
    fetched_at: datetime


def digest_of(query: KeywordQuery | ProfileQuery, cursor: str | None, *, contacts: bool) -> bytes:
    """The same for questions that a provider cannot tell apart: case, width and spaces are folded.

    `contacts`: whether addresses were read; once the operator withdraws that, pages with them are not found.
    """
    asked: list[object] = [FORM, sorted(query.options.items()), cursor, contacts]
    if isinstance(query, KeywordQuery):
        asked += ["search_keyword", _keyword_key(query.keyword), query.region]
    else:
        asked += ["fetch_profile", fold_handle(query.handle or ""), query.stable_id]
    return hashlib.sha256(orjson.dumps(asked)).digest()


async def find_page(
    tx: Transaction,
    declaration: Declaration,
    query: KeywordQuery | ProfileQuery,
    cursor: str | None = None,
    *,
    younger_than: timedelta | None = None,
) -> PaidPage | None:
    """The page as it was kept; None where there is none that may still be used."""
    found = await tx.one(
        FIND,
        provider=declaration.name,
        digest=question(declaration, query, cursor),
        age=None if younger_than is None else younger_than.total_seconds(),
    )
    if found is None:
        return None
    return PaidPage(replace(_PAGES.validate_python(found.page), cost=FREE), found.fetched_at)


async def is_on_its_way(
    tx: Transaction, digest: bytes, *, provider: str, gate: str, run_id: RunId, seconds: float
) -> bool:
    """Whether another run asks for the page, or it has just come.

    Nobody else can look before this transaction ends. A call of more than `seconds` has no owner any more.
    """
    await tx.run(LOCK_QUESTION, number=int.from_bytes(digest[:8], signed=True))
    return await tx.only(
        ON_ITS_WAY, digest=digest, provider=provider, gate=gate, run_id=run_id, seconds=seconds
    )


async def lock_for_keeping(tx: Transaction) -> None:
    """Nobody is forgotten before this transaction ends: who was before can be left out of what it keeps."""
    await tx.run(KEEPING)


async def keep_for_others(
    tx: Transaction,
    declaration: Declaration,
    query: KeywordQuery | ProfileQuery,
    cursor: str | None,
    page: Page,
    *,
    keep: timedelta,
) -> None:
    """Keep the page for `keep`, at most for as long as the provider's policy allows; nothing for no time."""
    seconds = keep.total_seconds()
    if declaration.policy.keep_days is not None:
        seconds = min(seconds, declaration.policy.keep_days * 86_400.0)
    if seconds <= 0:
        return
    await tx.run(
        KEEP,
        provider=declaration.name,
        digest=question(declaration, query, cursor),
        page=orjson.dumps(_PAGES.dump_python(replace(page, raw=()), mode="json")).decode(),
        stable_ids=[named(creator.platform, creator.stable_id) for creator in page.creators],
        seconds=seconds,
    )


async def forget_expired(tx: Transaction) -> int:
    """How many pages may not be used any more, and are gone."""
    return await tx.only(FORGET_EXPIRED)


async def forget_creator(tx: Transaction, platform: Platform, stable_id: str) -> int:
    """Every page that mentions the creator is gone; how many they were.

    So are all samples of answers that nobody understood: they may be about anybody.
    """
    await tx.run(FORGETTING)
    return await tx.only(FORGET_CREATOR, named=named(platform, stable_id))


def question(declaration: Declaration, query: KeywordQuery | ProfileQuery, cursor: str | None) -> bytes:
    """The digest by which the answer is found again."""
    return digest_of(query, cursor, contacts=declaration.policy.contacts)


def _keyword_key(text: str) -> str:
    """Keeps accents and signs, unlike `core.folding`: a provider may answer differently with them."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def named(platform: Platform, stable_id: str) -> str:
    return f"{platform.value}:{stable_id}"
