"""Shape (a), platform by platform: keys and types exactly, because others read them."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, Post
from tastemaker.searches.results.documents import to_document

WHEN = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)


def made(platform: Platform, **fields: object) -> tuple[Creator, Post]:
    creator = Creator(
        platform=platform,
        stable_id="12345",
        handle="ada",
        name="Ada L.",
        bio="hello",
        followers=10,
        verified=True,
        avatar_url="https://pictures.example.com/1.jpg",
        emails=("ada@example.com",),
        links=("https://ada.example.com",),
    )
    post = Post(
        platform=platform,
        post_id="99",
        creator_id="12345",
        text="a chess opening",
        url="https://posts.example.com/99",
        published_at=WHEN,
        views=5,
        likes=4,
        comments=3,
        shares=None,
        duration_seconds=61,
        hashtags=("chess", "opening"),
        short_code="AbC",
    )
    return creator, post


def test_tiktok() -> None:
    assert to_document(*made(Platform.TIKTOK), "chess") == {
        "creator": {
            "name": "Ada L.",
            "uniqueId": "ada",
            "followers": 10,
            "avatarUrl": "https://pictures.example.com/1.jpg",
            "bio": "hello",
            "emails": ["ada@example.com"],
            "verified": True,
        },
        "video": {
            "description": "a chess opening",
            "url": "https://posts.example.com/99",
            "statistics": {"likes": 4, "comments": 3, "views": 5, "shares": None},
        },
        "hashtags": ["chess", "opening"],
        "platform": "TikTok",
        "enhancementStatus": "completed",
        "createTime": 1741064767,
    }


def test_instagram_has_hashes_and_its_owner_as_a_number() -> None:
    document = to_document(*made(Platform.INSTAGRAM), "chess")
    assert document["hashtags"] == ["#chess", "#opening"]
    assert document["ownerId"] == 12345
    assert {key: document[key] for key in ("postId", "shortCode", "ownerUsername", "ownerFullName")} == {
        "postId": "99",
        "shortCode": "AbC",
        "ownerUsername": "ada",
        "ownerFullName": "Ada L.",
    }
    assert document["publishedTime"] == "2025-03-04T05:06:07+00:00"


@pytest.mark.parametrize("stable_id", ["12²", "1" * 19, "user_7", ""])
def test_an_owner_that_is_no_number_stays_as_it_is(stable_id: str) -> None:
    creator, post = made(Platform.INSTAGRAM)
    document = to_document(replace(creator, stable_id=stable_id), post, "chess")
    assert document["ownerId"] == stable_id
    orjson.dumps(document)


def test_youtube_has_a_channel_and_neither_unique_id_nor_badge() -> None:
    document = to_document(*made(Platform.YOUTUBE), "chess")
    assert set(document["creator"]) == {
        "name",
        "followers",
        "avatarUrl",
        "bio",
        "emails",
        "handle",
        "channelId",
        "socialLinks",
    }
    assert (document["lengthSeconds"], document["keywords"]) == (61, ["chess"])


def test_without_a_post_or_a_bio_nothing_is_made_up() -> None:
    bare = Creator(platform=Platform.TIKTOK, stable_id="1", handle=None, name=None)
    document = to_document(bare, None, "chess")
    assert document["creator"]["followers"] is None
    assert document["video"] == {"description": "", "url": "", "statistics": {}}
    assert document["enhancementStatus"] == "pending"
