"""One creator of the results: the profile, the posts that were found, and where the keywords stand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from tastemaker.billing.features import without_hidden_emails
from tastemaker.core.folding import term
from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction
from tastemaker.searches.results.filtering import MatchedField
from tastemaker.searches.results.paging import CampaignScope, Scope

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogCreator:
    """A creator as the catalog has it now. `expires_at`: when its values must be gone.

    `language` is declared; the detected one has `language_share` of the votes of `language_texts` texts.
    """

    creator_id: int
    platform: Platform
    stable_id: str
    handle: str | None
    name: str | None
    bio: str | None
    followers: int | None
    following: int | None
    posts_count: int | None
    views_total: int | None
    verified: bool | None
    country: str | None
    language: str | None
    detected_language: str | None
    language_share: float | None
    language_texts: int | None
    emails: tuple[str, ...]
    links: tuple[str, ...]
    avatar_url: str | None
    profile_url: str | None
    source: str
    fetched_at: datetime
    expires_at: datetime | None
    first_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPost:
    id: int
    post_id: str
    text: str | None
    description: str | None
    url: str | None
    published_at: datetime | None
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    duration_seconds: int | None
    hashtags: tuple[str, ...]
    tags: tuple[str, ...]
    thumbnail_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedText:
    """A text that carries keywords. `spans`: starts and ends of the words that matched."""

    place: MatchedField
    text: str
    spans: Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPost(CatalogPost):
    """A post on the pages that found the creator. Without `keywords` only the provider knows why."""

    keywords: tuple[str, ...]
    matches: tuple[MatchedText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBy:
    """A keyword of a search that found the creator."""

    search_id: SearchId
    campaign_id: CampaignId | None
    campaign_name: str | None
    keyword: str
    found_at: datetime
    position: int
    post_id: int | None
    other_post_ids: tuple[int, ...]
    similarity: float | None
    """To the creator of a similar search: the sum of what `because` states."""

    because: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """The creator as a file said it that was imported into a campaign."""

    campaign_id: CampaignId
    campaign_name: str
    imported_at: datetime
    username: str
    name: str | None
    bio: str | None
    followers: int | None
    email: str | None
    profile_url: str | None
    avatar_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBefore:
    """Another campaign of the user that had the creator before."""

    campaign_id: CampaignId
    campaign_name: str
    found_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatorResult(CatalogCreator):
    """`matches`: in the profile. `posts`: the one that is shown first, then the newest.

    What the catalog does not know is what the latest `imported` row says.
    """

    matches: tuple[MatchedText, ...]
    posts: tuple[FoundPost, ...]
    found_by: tuple[FoundBy, ...]
    imported: tuple[ImportedRow, ...]
    seen_before: tuple[SeenBefore, ...]

    @property
    def is_own(self) -> bool:
        """Whether a search or an import of the user has the creator."""
        return bool(self.found_by or self.imported)


LIST_FOUND_BY = composed(
    """
    SELECT found.job_id AS search_id, job.campaign_id, campaign.name AS campaign_name, run.keyword,
           found.created_at AS found_at, found.position, found.post_id, found.other_post_ids,
           alike.score AS similarity, alike.contributions AS because
    FROM search_creators found
    JOIN scraping_jobs job ON job.id = found.job_id AND job.user_id = found.tenant_id
    JOIN scraping_runs run ON run.job_id = found.job_id AND run.tenant_id = found.tenant_id
         AND (run.id = found.run_id OR run.position = ANY(found.also_found_by))
    LEFT JOIN campaigns campaign ON campaign.id = job.campaign_id AND campaign.user_id = found.tenant_id
    LEFT JOIN similar_creators alike ON alike.tenant_id = found.tenant_id AND alike.job_id = found.job_id
         AND alike.creator_id = found.creator_id
    WHERE found.tenant_id = %(user_id)s AND found.creator_id = %(creator_id)s {scope}
    ORDER BY found.created_at, found.position, found.job_id, run.id = found.run_id DESC, run.position
    """,
    FoundBy,
    scope=any_of(
        campaign="AND job.campaign_id = %(campaign_id)s",
        searches="AND found.job_id = ANY(CAST(%(search_ids)s AS uuid[]))",
    ),
)

LIST_IMPORTED = composed(
    """
    SELECT held.campaign_id, campaign.name AS campaign_name, job.created_at AS imported_at,
           row.username, left(row.display_name, 1000) AS name, left(row.bio, 20000) AS bio,
           CAST(row.followers AS bigint) AS followers, left(row.email, 320) AS email,
           left(row.profile_url, 2000) AS profile_url, left(row.avatar_url, 2000) AS avatar_url
    FROM campaign_creators held
    JOIN search_results row ON row.id = held.imported_id AND row.tenant_id = held.tenant_id
    JOIN search_jobs job ON job.id = row.job_id AND job.tenant_id = held.tenant_id
    JOIN campaigns campaign ON campaign.id = held.campaign_id AND campaign.user_id = held.tenant_id
    WHERE held.tenant_id = %(user_id)s AND held.creator_id = %(creator_id)s {scope}
    ORDER BY job.created_at DESC, job.id
    """,
    ImportedRow,
    scope=any_of(campaign="AND held.campaign_id = %(campaign_id)s"),
)

FIND_CREATOR = statement(
    """
    SELECT id AS creator_id, platform, stable_id, handle, name, bio, followers, following, posts_count,
           views_total, verified, country, language, detected_language, language_share, language_texts,
           emails, links, avatar_url, profile_url, source,
           fetched_at, expires_at, first_seen_at
    FROM creators WHERE id = %(creator_id)s
    """,
    CatalogCreator,
)

LIST_POSTS = statement(
    """
    SELECT id, post_id, text, description, url, published_at, views, likes, comments, shares,
           duration_seconds, hashtags, tags, thumbnail_url
    FROM posts WHERE id = ANY(CAST(%(ids)s AS bigint[])) AND creator_id = %(creator_id)s
    ORDER BY id <> %(shown)s, published_at DESC NULLS LAST, id
    """,
    CatalogPost,
)

LIST_SEEN_BEFORE = statement(
    """
    SELECT other.campaign_id, campaign.name AS campaign_name, other.found_at
    FROM campaign_creators other
    JOIN campaigns campaign ON campaign.id = other.campaign_id AND campaign.user_id = other.tenant_id
         AND campaign.deleting_since IS NULL
    WHERE other.tenant_id = %(user_id)s AND other.creator_id = %(creator_id)s
      AND other.campaign_id <> ALL(CAST(%(campaign_ids)s AS uuid[])) AND other.found_at < %(found_at)s
    ORDER BY other.found_at DESC, other.campaign_id
    """,
    SeenBefore,
)


async def find_result(
    tx: Transaction, user_id: ExternalUserId, scope: Scope, creator_id: int
) -> CreatorResult | None:
    """All that is known of a creator of these results; None where it is not among them."""
    if not 0 <= creator_id <= _MOST:
        return None
    named: str
    values: dict[str, Any]
    if isinstance(scope, CampaignScope):
        named, values = "campaign", {"campaign_id": scope.campaign_id}
    else:
        named, values = "searches", {"search_ids": list(scope.search_ids)}
    found_by = await tx.many(
        LIST_FOUND_BY.choose(scope=named), user_id=user_id, creator_id=creator_id, **values
    )
    imported: list[ImportedRow] = []
    if named == "campaign":
        imported = await tx.many(
            LIST_IMPORTED.choose(scope=named), user_id=user_id, creator_id=creator_id, **values
        )
    return await _result(tx, user_id, creator_id, found_by, imported)


async def find_creator(tx: Transaction, user_id: ExternalUserId, creator_id: int) -> CreatorResult | None:
    """The same over all of the user's searches and imports; None where none of them has the creator."""
    if not 0 <= creator_id <= _MOST:
        return None
    found_by = await tx.many(LIST_FOUND_BY.choose(scope=()), user_id=user_id, creator_id=creator_id)
    imported = await tx.many(LIST_IMPORTED.choose(scope=()), user_id=user_id, creator_id=creator_id)
    return await _result(tx, user_id, creator_id, found_by, imported)


async def find_in_catalog(tx: Transaction, creator_id: int, post_ids: Sequence[int]) -> CreatorResult | None:
    """Any creator of the catalog, with these of its posts; no search of the user's has a part in it."""
    creator = await tx.one(FIND_CREATOR, creator_id=creator_id)
    if creator is None:
        return None
    posts = await tx.many(LIST_POSTS, creator_id=creator_id, ids=list(post_ids), shown=None)
    return CreatorResult(
        **_values(creator),
        matches=(),
        posts=tuple(_found_post(post, ()) for post in posts),
        found_by=(),
        imported=(),
        seen_before=(),
    )


async def _result(
    tx: Transaction,
    user_id: ExternalUserId,
    creator_id: int,
    found_by: Sequence[FoundBy],
    imported: Sequence[ImportedRow],
) -> CreatorResult | None:
    if not found_by and not imported:
        return None
    creator = await tx.only(FIND_CREATOR, creator_id=creator_id)
    for row in imported[:1]:
        creator = _completed(creator, row)
    (creator,) = await without_hidden_emails(tx, user_id, [creator])
    shown = found_by[0].post_id if found_by else None
    posts = await tx.many(
        LIST_POSTS,
        creator_id=creator_id,
        ids=[*{id_ for one in found_by for id_ in (one.post_id, *one.other_post_ids) if id_ is not None}],
        shown=shown,
    )
    seen_before = await tx.many(
        LIST_SEEN_BEFORE,
        user_id=user_id,
        creator_id=creator_id,
        campaign_ids=[
            *{one.campaign_id for one in found_by if one.campaign_id is not None},
            *(row.campaign_id for row in imported),
        ],
        found_at=found_by[0].found_at if found_by else imported[-1].imported_at,
    )
    keywords = tuple(dict.fromkeys(one.keyword for one in found_by))
    profile = (
        (MatchedField.NAME, creator.name),
        (MatchedField.HANDLE, creator.handle),
        (MatchedField.BIO, creator.bio),
    )
    return CreatorResult(
        **_values(creator),
        matches=_matches(profile, keywords),
        posts=tuple(_found_post(post, keywords) for post in posts),
        found_by=tuple(found_by),
        imported=tuple(imported),
        seen_before=tuple(seen_before),
    )


def _completed(known: CatalogCreator, row: ImportedRow) -> CatalogCreator:
    handle = None if row.username == known.stable_id else row.username
    return replace(
        known,
        handle=known.handle or handle,
        name=known.name or row.name,
        bio=known.bio or row.bio,
        followers=row.followers if known.followers is None else known.followers,
        emails=known.emails or ((row.email,) if row.email else ()),
        profile_url=known.profile_url or row.profile_url,
    )


def mark(text: str, keywords: Iterable[str]) -> Spans:
    """Starts and ends of the words of the text that match any of the keywords, in order and apart."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted(span for keyword in keywords for span in term(keyword).spans_in(text)):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return tuple(spans)


def _found_post(post: CatalogPost, keywords: Sequence[str]) -> FoundPost:
    texts = (
        (MatchedField.POST, post.text),
        (MatchedField.DESCRIPTION, post.description),
        (MatchedField.HASHTAG, " ".join(f"#{tag}" for tag in post.hashtags)),
        (MatchedField.TAG, ", ".join(post.tags)),
    )
    return FoundPost(
        **_values(post),
        keywords=tuple(
            keyword for keyword in keywords if any(term(keyword).occurs_in([text]) for _, text in texts)
        ),
        matches=_matches(texts, keywords),
    )


def _matches(
    texts: Iterable[tuple[MatchedField, str | None]], keywords: Sequence[str]
) -> tuple[MatchedText, ...]:
    return tuple(
        MatchedText(place=place, text=text, spans=spans)
        for place, text in texts
        if text and (spans := mark(text, keywords))
    )


def _values(row: CatalogCreator | CatalogPost) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


_MOST: Final = 2**63 - 1
