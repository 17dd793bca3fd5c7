"""What the platform says over HTTP: pages of TikTok's keyword search as ScrapeCreators sends them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.providers.remote import Asked, Reply, as_json

PER_PAGE = 30
KEY = "canary-key-5f0c2a"
"""A secret that must turn up in no log and no error."""

CONTACT = "canary.person@creators.example"
"""Contact data of which the same is true."""


def item(number: int, **author: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON has it
    return {
        "aweme_info": {
            "aweme_id": f"7{number:09}",
            "desc": f"all about chess {number}",
            "create_time": 1_700_000_000 + number,
            "share_url": f"https://www.tiktok.com/@creator{number}/video/7{number:09}",
            "statistics": {"play_count": number, "digg_count": number, "comment_count": 1, "share_count": 0},
            "author": {
                "uid": f"6{number:09}",
                "unique_id": f"creator{number}",
                "nickname": f"Creator {number}",
                "signature": f"makes things, {CONTACT}",
                "follower_count": number * 10,
                **author,
            },
        }
    }


def stable_id(number: int) -> str:
    return f"6{number:09}"


def stable_ids(numbers: Iterable[int]) -> set[str]:
    return {stable_id(number) for number in numbers}


def body(items: list[dict[str, Any]], cursor: object, *, more: bool = True) -> dict[str, Any]:
    return {
        "success": True,
        "credits_charged": 1,
        "search_item_list": items,
        "cursor": cursor,
        "has_more": int(more),
    }


def position(asked: Asked) -> int:
    """Which creator the asked page begins with."""
    return int(asked.params.get("cursor") or 0)


def page(start: int, total: int, *, per_page: int = PER_PAGE, first: int = 0) -> Reply:
    """Creators `first + start` and those behind it, until `first + total`."""
    numbers = range(start, min(start + per_page, total))
    more = start + per_page < total
    return as_json(body([item(first + number) for number in numbers], start + per_page, more=more))


Script = Callable[[Asked], Reply]


def pages(total: int, *, first: Mapping[str, int] | None = None, per_page: int = PER_PAGE) -> Script:
    """A well-behaved platform. `first`: where the numbers of a keyword's creators begin."""
    begins = first or {}
    return lambda asked: page(
        position(asked), total, per_page=per_page, first=begins.get(asked.params["query"], 0)
    )


def once(*replies: Reply, then: Script, at: int | None = None) -> Script:
    """The replies one after the other, from the page at which they are due; the rest as `then` says."""
    left = list(replies)

    def script(asked: Asked) -> Reply:
        if left and (at is None or position(asked) == at):
            return left.pop(0)
        return then(asked)

    return script
