"""The suite that Tastemaker ships for every provider, told what this one's answers look like."""

import copy
from collections.abc import Sequence

from tastemaker.providers.base import Cost, ProfileQuery
from tastemaker.providers.conformance import (
    KEY,
    Asked,
    Item,
    ProfileConformance,
    ProfileWire,
    Reply,
    Script,
    SearchConformance,
    SearchWire,
    always,
    as_json,
)
from tastemaker_roster import PROVIDER, Roster

MIRA: Item = {
    "account": {
        "id": "2700000001",
        "handle": "mira.plays",
        "name": "Mira & Friends",
        "about": "Chess. mira@example.com",
        "followers": "1.23M",
    },
    "best_post": {
        "id": "3540000000000000001",
        "caption": "Fork in three moves #Chess",
        "url": "https://www.instagram.com/p/DMadeUp-_1/",
        "likes": 3_100,
    },
}
KNOWN = {"name": "Mira & Friends", "followers": 1_230_000, "emails": ("mira@example.com",)}


def example() -> Item:
    return copy.deepcopy(MIRA)


def roster(url: str, key: str = KEY, deadline_seconds: float = 5) -> Roster:
    return Roster(key, base_url=url, deadline_seconds=deadline_seconds)


def page(items: Sequence[Item], *, more: bool) -> Script:
    return lambda _: as_json({"results": items, "next_page": 2 if more else None})


def paged(pages: Sequence[Sequence[Item]]) -> Script:
    def script(asked: Asked) -> Reply:
        number = int(asked.params["page"])
        following = number + 1 if number < len(pages) else None
        return as_json({"results": pages[number - 1], "next_page": following})

    return script


class TestSearch(SearchConformance):
    wire = SearchWire(
        name="roster",
        build=roster,
        example=example,
        fields={
            "creator_id": [("account", "id")],
            "post_id": [("best_post", "id")],
            "name": [("account", "name")],
            "bio": [("account", "about")],
            "followers": [("account", "followers")],
            "text": [("best_post", "caption")],
            "likes": [("best_post", "likes")],
        },
        creator_id="2700000{:03}".format,
        post_id="3540000000000000{:03}".format,
        page=page,
        paged=paged,
        key_variable="ROSTER_API_KEY",
        creator=KNOWN,
        post={"likes": 3_100, "hashtags": ("Chess",)},
    )


class TestProfile(ProfileConformance):
    wire = ProfileWire(
        name="roster",
        build=roster,
        query=ProfileQuery(handle="mira.plays"),
        example=example,
        fields={
            "stable_id": [("account", "id")],
            "name": [("account", "name")],
            "bio": [("account", "about")],
            "followers": [("account", "followers")],
        },
        absent=always(Reply(status=404)),
        key_variable="ROSTER_API_KEY",
        creator=KNOWN,
    )


def test_the_entry_names_what_the_adapter_declares() -> None:
    adapter = PROVIDER.build({"ROSTER_API_KEY": KEY, "ROSTER_URL": "http://127.0.0.1:9"})
    assert (adapter.declaration.name, adapter.declaration.platforms) == (PROVIDER.name, PROVIDER.platforms)
    assert adapter.declaration.cost_per_page == Cost(calls=1, units=1)
