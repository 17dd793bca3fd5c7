"""What every look-up of a profile does alike, spoken over real HTTP in its provider's own format."""

from collections.abc import Sequence

import httpx
import pytest

from tastemaker.providers.base import Adapter, Capability, Cost, ErrorKind, Page, ProfileQuery, ProviderError
from tastemaker.providers.conformance.failures import (
    FREE,
    FailureConformance,
    assert_declared,
    assert_storable,
)
from tastemaker.providers.conformance.remote import Remote, Reply, always
from tastemaker.providers.conformance.searches import BAD_COUNTS, COUNTS_AS_TEXT, STORED_AS
from tastemaker.providers.conformance.wires import Item, ProfileWire, places_in, spoiled

COUNTS = ("followers", "following", "posts_count", "views_total")
UNASKABLE = {
    "nobody": ProfileQuery(),
    "blank": ProfileQuery(handle=" \0 "),
    "long": ProfileQuery(handle="x" * 500),
    "spaces": ProfileQuery(handle="two words"),
    "another parameter": ProfileQuery(handle="mira&key=x"),
    "bad id": ProfileQuery(stable_id="1/../2"),
    "option": ProfileQuery(handle="mira", options={"colour-of-the-moon": "red"}),
}


class ProfileConformance(FailureConformance):
    """Subclass it and set `wire`."""

    wire: ProfileWire
    capability = Capability.PROFILE

    def adapter(self, url: str, **options: object) -> Adapter:
        return self.wire.build(url, **options)

    async def ask(self, http: httpx.AsyncClient, url: str, **options: object) -> Page:
        return await self.wire.build(url, **options).fetch_profile(http, self.wire.query)

    @property
    def lost_call(self) -> Cost:
        return self.adapter("").declaration.price_of(Capability.PROFILE)

    @property
    def key_variable(self) -> str | None:
        return self.wire.key_variable

    @property
    def refusals(self) -> Sequence[tuple[Item, ErrorKind]]:
        return self.wire.refusals

    async def read(self, http: httpx.AsyncClient, remote: Remote, body: Item) -> Page:
        remote.script = self.wire.answering(body)
        page = await self.ask(http, remote.url)
        assert_storable(page)
        assert len(page.creators) == 1
        return page

    async def test_a_profile_says_what_the_provider_said(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        page = await self.read(http, remote, self.wire.example())
        for name, said in self.wire.creator.items():
            assert getattr(page.creators[0], name) == said, name
        assert (page.skipped, page.next_cursor) == (0, None)
        assert page.cost == self.adapter("").declaration.price_of(Capability.PROFILE)
        assert all(raw.startswith(b"{") for raw in page.raw)
        assert len(page.raw) == page.cost.calls == len(remote.asked)
        for asked in remote.asked:
            assert_declared(self.adapter(""), asked.path)

    async def test_nobody_is_not_found_for_good(self, http: httpx.AsyncClient, remote: Remote) -> None:
        remote.script = self.wire.absent
        error = await self.failure(http, remote.url)
        assert (error.kind, error.final) == (ErrorKind.NOT_FOUND, True)
        assert error.cost.calls == len(remote.asked)

    async def test_a_profile_without_its_id_is_a_failure(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        for bad in ("", "a b", ["x"], -5, 2**60, True):
            remote.script = self.wire.answering(self.wire.with_value("stable_id", bad))
            assert (await self.failure(http, remote.url)).kind is ErrorKind.GARBAGE

    async def test_texts_can_be_kept(self, http: httpx.AsyncClient, remote: Remote) -> None:
        for bad, stored in STORED_AS.items():
            for name in {"name", "bio"} & self.wire.fields.keys():
                page = await self.read(http, remote, self.wire.with_value(name, f"a{bad}z"))
                assert getattr(page.creators[0], name) == f"a{stored}z"

    async def test_a_bad_count_is_unknown_and_one_as_text_is_read(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        counts = [(bad, None) for bad in BAD_COUNTS] + list(COUNTS_AS_TEXT.items())
        for name in (one for one in COUNTS if one in self.wire.fields):
            for written, meant in counts:
                page = await self.read(http, remote, self.wire.with_value(name, written))
                assert getattr(page.creators[0], name) == meant, f"{name} {written!r}"

    async def test_whatever_stands_at_whatever_place_it_is_a_page_or_a_refusal(
        self, http: httpx.AsyncClient, remote: Remote
    ) -> None:
        """Every place of the answer in turn holds what it should not, or is missing."""
        for place in places_in(self.wire.example()):
            for body in spoiled(self.wire.example(), place):
                remote.script = self.wire.answering(body)
                try:
                    page = await self.ask(http, remote.url)
                except ProviderError:
                    continue
                assert_storable(page)
                assert len(page.creators) == 1, place

    async def test_recorded_answers_are_read(self, http: httpx.AsyncClient, remote: Remote) -> None:
        """Those of the wire, where they are at hand; the tests above work on made-up ones."""
        for raw in self.wire.recorded:
            remote.script = always(Reply(raw))
            page = await self.ask(http, remote.url)
            assert_storable(page)
            assert page.creators

    @pytest.mark.parametrize("name", UNASKABLE)
    async def test_what_cannot_be_asked_is_refused_before_it_costs(
        self, http: httpx.AsyncClient, remote: Remote, name: str
    ) -> None:
        with pytest.raises(ProviderError) as raised:
            await self.wire.build(remote.url).fetch_profile(http, UNASKABLE[name])
        assert (raised.value.kind, raised.value.final) == (ErrorKind.BAD_REQUEST, True)
        assert raised.value.cost == FREE
        assert not remote.asked
