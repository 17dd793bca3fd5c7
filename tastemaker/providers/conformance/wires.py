"""A provider's format, told to the suite: items, the places of our fields in them, pages made of items."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tastemaker.providers.base import Cost, ErrorKind, ProfileLookup, ProfileQuery, Provider
from tastemaker.providers.conformance.remote import Script, always, as_json

KEY = "canary-key-0123456789"
"""The key that adapters are given, and that must not be found anywhere afterwards."""

Item = dict[str, Any]
Field = tuple[str | int, ...]
Fields = Mapping[str, Sequence[Field]]

WRONG: Sequence[object] = (None, "text", 7, -1, 1.5, True, [], [1], [None], {}, 2**70)
"""What may stand where something else is expected."""


class MakePage(Protocol):
    def __call__(self, items: Sequence[Item], *, more: bool) -> Script: ...


def _as_it_is(wrong: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    return wrong


@dataclass(frozen=True, kw_only=True)
class SearchWire:
    """A search's format. `fields` are the places of our names in an item; a name that is absent is not told.

    `creator_id` and `post_id` must be among them, `post_id` where there are posts. `build(url, key=…,
    deadline_seconds=…)` makes the adapter, `example()` a fresh item of one creator with one post.
    """

    name: str
    build: Callable[..., Provider]
    example: Callable[[], Item]
    fields: Fields
    creator_id: Callable[[int], str]
    """The id of the creator with this number: all different, and such as the provider issues."""
    post_id: Callable[[int], str]
    page: MakePage
    """One page of items, with or without a next one."""
    paged: Callable[[Sequence[Sequence[Item]]], Script]
    """Several pages, told apart by what the request asks for."""
    key_variable: str | None
    """The setting that holds the key; None: there is no key."""
    creator: Mapping[str, object] = field(default_factory=dict)
    """What the example says of its creator, by the names of `Creator`."""
    post: Mapping[str, object] = field(default_factory=dict)
    has_posts: bool = True
    mistyped: Callable[[object], Any] = _as_it_is
    """An item that is nothing but something wrong."""
    remembered: frozenset[str] = frozenset()
    """Fields that the provider tells a second time elsewhere, so that they are known without their place."""
    first_call: Cost | None = None
    """What a page's first call costs when its answer is lost, where that is not the price of the page."""
    refusals: Sequence[tuple[Item, ErrorKind]] = ()
    """Bodies with which the provider says no although the status is 200, and what each means."""
    recorded: Sequence[bytes] = ()
    """Real answers, to be read from outside the repository where they are at hand."""

    def items(self, start: int, stop: int) -> list[Item]:
        """Items of different creators, each with one post."""
        return [self.item(number) for number in range(start, stop)]

    def item(self, number: int, *, creator: int | None = None) -> Item:
        made = self.example()
        self.put(made, "creator_id", self.creator_id(number if creator is None else creator))
        if self.has_posts:
            self.put(made, "post_id", self.post_id(number))
        return made

    def put(self, item: Item, name: str, value: object) -> None:
        put(item, self.fields[name], value)

    def drop(self, item: Item, name: str) -> None:
        drop(item, self.fields[name])

    def lost_call(self, url: str = "") -> Cost:
        return self.first_call or self.build(url).declaration.cost_per_page


@dataclass(frozen=True, kw_only=True)
class ProfileWire:
    """A profile's format: the whole body of an answer, and the places of our fields in it."""

    name: str
    build: Callable[..., ProfileLookup]
    query: ProfileQuery
    example: Callable[[], Item]
    fields: Fields
    absent: Script
    """How the provider says that there is no such account."""
    key_variable: str | None
    creator: Mapping[str, object] = field(default_factory=dict)
    refusals: Sequence[tuple[Item, ErrorKind]] = ()
    """Bodies with which the provider says no although the status is 200, and what each means."""
    recorded: Sequence[bytes] = ()

    def answering(self, body: Item) -> Script:
        return always(as_json(body))

    def with_value(self, name: str, value: object) -> Item:
        body = self.example()
        put(body, self.fields[name], value)
        return body


def put(item: Item, places: Sequence[Field], value: object) -> None:
    for path in places:
        _holder(item, path)[path[-1]] = value


def drop(item: Item, places: Sequence[Field]) -> None:
    for path in places:
        del _holder(item, path)[path[-1]]


def places_in(value: object, path: Field = ()) -> Iterator[Field]:
    """The path of everything inside, the containers too."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inside:
        yield (*path, step)
        yield from places_in(part, (*path, step))


def spoiled(item: Item, place: Field) -> Iterator[Item]:
    """The item with something wrong at the place, and without it."""
    for wrong in WRONG:
        made = copy.deepcopy(item)
        _holder(made, place)[place[-1]] = wrong
        yield made
    made = copy.deepcopy(item)
    del _holder(made, place)[place[-1]]
    yield made


def _holder(item: Any, path: Field) -> Any:  # noqa: ANN401 - whatever JSON holds
    for step in path[:-1]:
        item = item[step]
    return item
