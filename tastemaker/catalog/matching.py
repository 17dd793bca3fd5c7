"""Whether one creator passes a filter, by what is known: the same answers as the filters in SQL.

A value that only the profile tells leaves a creator undecided until the profile was fetched.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tastemaker.catalog.filtering import UNKNOWN, CreatorFilter, Verified
from tastemaker.core.platforms import Platform


class Verdict(StrEnum):
    YES = "yes"
    NO = "no"
    NEEDS_PROFILE = "needs_profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatorFacts:
    """What a filter asks of a creator. `is_profile_known`: what is unknown now, stays unknown."""

    creator_id: int
    platform: Platform
    followers: int | None
    has_email: bool
    language: str | None
    country: str | None
    verified: bool | None
    last_post_at: datetime | None
    is_profile_known: bool


def matches(wanted: CreatorFilter, creator: CreatorFacts, now: datetime) -> Verdict:
    """NO as soon as one limit is not met, also where another is undecided: so free filters act first."""
    verdicts = set(_verdicts(wanted, creator, now))
    if Verdict.NO in verdicts:
        return Verdict.NO
    return Verdict.NEEDS_PROFILE if Verdict.NEEDS_PROFILE in verdicts else Verdict.YES


def needs_profiles(wanted: CreatorFilter) -> bool:
    """Whether some limit is about a value that a page of a search may not tell."""
    return wanted.has_email is not None or bool(wanted.languages or wanted.countries or wanted.verified)


def _verdicts(wanted: CreatorFilter, creator: CreatorFacts, now: datetime) -> Iterator[Verdict]:
    if wanted.platforms:
        yield _told(creator.platform in wanted.platforms)
    followers = creator.followers
    if wanted.min_followers is not None:
        yield _number(wanted, creator, followers is None or followers >= wanted.min_followers)
    if wanted.max_followers is not None:
        yield _number(wanted, creator, followers is None or followers <= wanted.max_followers)
    if wanted.has_email is not None:
        is_open = not creator.has_email and not creator.is_profile_known
        yield Verdict.NEEDS_PROFILE if is_open else _told(creator.has_email == wanted.has_email)
    if wanted.languages:
        yield _word(creator, creator.language, wanted.languages)
    if wanted.countries:
        yield _word(creator, creator.country, wanted.countries)
    if wanted.verified:
        known = None if creator.verified is None else Verified.YES if creator.verified else Verified.NO
        yield _word(creator, known, wanted.verified)
    if wanted.posted_within is not None:
        since = now - timedelta(days=wanted.posted_within)
        is_recent = wanted.include_unknown if creator.last_post_at is None else creator.last_post_at >= since
        yield _told(is_recent)


def _number(wanted: CreatorFilter, creator: CreatorFacts, is_within: bool) -> Verdict:  # noqa: FBT001 - the answer
    if creator.followers is not None:
        return _told(is_within)
    if not creator.is_profile_known:
        return Verdict.NEEDS_PROFILE
    return _told(wanted.include_unknown)


def _word(creator: CreatorFacts, value: str | None, allowed: tuple[str, ...]) -> Verdict:
    if value is None and not creator.is_profile_known:
        return Verdict.NEEDS_PROFILE
    return _told((value or UNKNOWN) in allowed)


def _told(is_met: bool) -> Verdict:  # noqa: FBT001 - the answer
    return Verdict.YES if is_met else Verdict.NO
