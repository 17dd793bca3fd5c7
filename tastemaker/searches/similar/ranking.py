"""The end of a similar search: its candidates are compared, and the most alike become its results.

All in the transaction that ends the search, however it ends: what was found until then is ranked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from tastemaker.billing.plan_limits import charge, plan_creators
from tastemaker.catalog.keyword_queries import count_using
from tastemaker.catalog.similar import LEAST_TERMS, Likeness, Target, Terms, TermStatistics, says_enough
from tastemaker.catalog.terms import any_term, terms_of
from tastemaker.core.ids import ExternalUserId, SearchId
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Creator, Post
from tastemaker.searches.results.documents import to_document
from tastemaker.searches.run.queries import NewResults, insert_results
from tastemaker.searches.similar import queries
from tastemaker.searches.similar.queries import ChosenCreator, ChosenPost, RankedSearch, TermsOf

LEAST_SCORE: Final = 0.02
"""A lower likeness is one of words that anybody uses."""

MOST_COMPARED: Final = 1_000
"""Candidates out of the catalog, those first that rank first there."""

RAREST: Final = 25
"""So many of the target's terms choose the candidates of the catalog; all of them are compared."""

POSTS_LOOKED_AT: Final = 12


@dataclass(frozen=True, slots=True)
class Ranked:
    """How many became results. `note`: why there are none. `is_limited`: the plan allows no more."""

    admitted: int = 0
    note: str | None = None
    is_limited: bool = False


@dataclass(frozen=True, slots=True)
class _Chosen:
    candidate: TermsOf
    likeness: Likeness


async def admit_best(tx: Transaction, user_id: ExternalUserId, search_id: SearchId) -> Ranked:
    """Rank what the search has looked at and what the catalog knows, and store the best as results."""
    search = await tx.one(queries.FIND_RANKED, user_id=user_id, search_id=search_id)
    if search is None or search.target_id is None:
        return Ranked()
    found = await tx.one(queries.FIND_TERMS, creator_id=search.target_id)
    terms: Terms = found.terms if found else {}
    statistics = await _statistics(tx, terms)
    candidates = await tx.many(
        queries.LIST_CANDIDATES,
        user_id=user_id,
        search_id=search_id,
        platform=search.platform.value,
        target_id=search.target_id,
        is_sandbox=search.is_sandbox,
        query=_query(terms, statistics, search) if says_enough(terms) else "",
        most=MOST_COMPARED,
    )
    lengths = [sum(one.terms.values()) for one in candidates if one.terms]
    average = sum(lengths) / len(lengths) if lengths else statistics.average_length
    target = Target(terms, replace(statistics, average_length=average))
    best = _best(target, candidates, search, by_terms=says_enough(terms))
    note = None if best else _why_nobody(search, terms)
    platform, stable_ids = search.platform.value, [one.candidate.stable_id for one in best]
    planned = await plan_creators(tx, user_id, platform=platform, stable_ids=stable_ids)
    allowed = set(planned.allowed)
    chosen = [one for one in best if one.candidate.stable_id in allowed]
    await _store(tx, search, chosen)
    await charge(tx, user_id, planned, search_id=search_id)
    return Ranked(len(chosen), note, is_limited=len(chosen) < len(best))


def _best(
    target: Target, candidates: Sequence[TermsOf], search: RankedSearch, *, by_terms: bool
) -> list[_Chosen]:
    """The most alike first. Without enough text only those that the platform relates to the target."""
    compared = [
        _Chosen(one, target.likeness(one.terms, is_related=one.is_related))
        for one in candidates
        if by_terms or one.is_related
    ]
    alike = [one for one in compared if one.likeness.score >= LEAST_SCORE]
    alike.sort(key=lambda one: (-one.likeness.score, one.candidate.creator_id))
    return alike[: search.target]


def _why_nobody(search: RankedSearch, terms: Terms) -> str:
    if says_enough(terms):
        return f"Nobody that was found writes like {search.keyword}."
    return (
        f"{search.keyword} does not write enough to be compared: its profile and posts have "
        f"{sum(terms.values())} words, and {LEAST_TERMS} are needed."
    )


async def _statistics(tx: Transaction, terms: Terms) -> TermStatistics:
    """How many creators of the catalog use the terms; estimated from a sample where it is large."""
    usage = await count_using(tx, list(terms))
    return TermStatistics(usage.creators, usage.using, max(sum(terms.values()), 1))


def _query(terms: Terms, statistics: TermStatistics, search: RankedSearch) -> str:
    """Creators of the platform with one of the target's rarest terms."""
    rarest = sorted(terms, key=lambda term: (-statistics.rarity(term), term))
    used = [term for term in rarest if statistics.using.get(term, 0) > 1][:RAREST]
    return f"'p:{search.platform.value}' & {any_term(used)}" if used else ""


async def _store(tx: Transaction, search: RankedSearch, chosen: Sequence[_Chosen]) -> None:
    ids = [one.candidate.creator_id for one in chosen]
    creators = {row.id: row for row in await tx.many(queries.LIST_CHOSEN, ids=ids)}
    posts: dict[int, list[ChosenPost]] = {}
    for post in await tx.many(queries.LIST_POSTS, ids=ids, most=POSTS_LOOKED_AT):
        posts.setdefault(post.creator_id, []).append(post)
    if chosen:
        await insert_results(tx, search, _new_results(search, chosen, creators, posts))
    await tx.run(
        queries.KEEP_LIKENESS,
        user_id=search.user_id,
        search_id=search.search_id,
        ids=ids,
        scores=[one.likeness.score for one in chosen],
        contributions=[_contributions(one.likeness) for one in chosen],
    )
    await tx.run(
        queries.COUNT_ADMITTED,
        user_id=search.user_id,
        search_id=search.search_id,
        run_id=search.run_id,
        number=len(chosen),
    )


def _new_results(
    search: RankedSearch,
    chosen: Sequence[_Chosen],
    creators: Mapping[int, ChosenCreator],
    posts: Mapping[int, Sequence[ChosenPost]],
) -> NewResults:
    own = [posts.get(one.candidate.creator_id, ()) for one in chosen]
    shown = [_most_alike(one.likeness, some) for one, some in zip(chosen, own, strict=True)]
    rows = [creators[one.candidate.creator_id] for one in chosen]
    expiries = [row.expires_at for row in rows if row.expires_at is not None]
    return NewResults(
        platform=search.platform,
        documents=[
            to_document(
                _creator(search, row), None if post is None else _post(search, row, post), search.keyword
            )
            for row, post in zip(rows, shown, strict=True)
        ],
        stable_ids=[row.stable_id for row in rows],
        creator_ids=[row.id for row in rows],
        post_ids=[post.id if post else None for post in shown],
        matched_in=[() for _ in rows],
        other_post_ids=[
            [one.id for one in some if post is None or one.id != post.id]
            for some, post in zip(own, shown, strict=True)
        ],
        now=search.now,
        expires_at=min(expiries, default=None),
    )


def _most_alike(likeness: Likeness, posts: Sequence[ChosenPost]) -> ChosenPost | None:
    """The post with most of the shared terms, the newest of several."""
    worth = {one.term: one.value for one in likeness.contributions if one.term is not None}

    def shared(post: ChosenPost) -> float:
        texts = (post.text or "", *(f"#{tag}" for tag in post.hashtags))
        used = {one.term for text in texts for one in terms_of(text)}
        return math.fsum(worth[term] for term in used & worth.keys())

    return max(posts, key=shared, default=None)


def _contributions(likeness: Likeness) -> str:
    return orjson.dumps(
        [{"reason": one.reason.value, "term": one.term, "value": one.value} for one in likeness.contributions]
    ).decode()


def _creator(search: RankedSearch, row: ChosenCreator) -> Creator:
    return Creator(
        platform=search.platform,
        stable_id=row.stable_id,
        handle=row.handle,
        name=row.name,
        bio=row.bio,
        followers=row.followers,
        verified=row.verified,
        avatar_url=row.avatar_url,
        emails=row.emails,
        links=row.links,
    )


def _post(search: RankedSearch, row: ChosenCreator, post: ChosenPost) -> Post:
    return Post(
        platform=search.platform,
        post_id=post.post_id,
        creator_id=row.stable_id,
        text=post.text,
        url=post.url,
        published_at=post.published_at,
        views=post.views,
        likes=post.likes,
        comments=post.comments,
        shares=post.shares,
        duration_seconds=post.duration_seconds,
        hashtags=post.hashtags,
        short_code=post.short_code,
    )
