from collections import Counter
from pathlib import Path

import httpx
import pytest

from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.providers import youtube
from tastemaker.providers.base import Capability, Cost, ErrorKind, KeywordQuery, ProviderError
from tastemaker.providers.registry import live_providers, sandbox_providers
from tastemaker.providers.scrapecreators import envelope, instagram, tiktok
from tastemaker.providers.youtube import refusals
from tests.providers.remote import Remote
from tests.providers.wires import WIRES


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any key."""
    for name in ("YOUTUBE_API_KEY", "SCRAPECREATORS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"TASTEMAKER_{name}", raising=False)
    return monkeypatch


def test_without_keys_nothing_is_live(keys: pytest.MonkeyPatch) -> None:
    assert live_providers(Settings()) == {}


def test_a_key_makes_its_platforms_live(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("SCRAPECREATORS_API_KEY", "made-up-key")
    providers = live_providers(Settings())
    assert set(providers) == {Platform.TIKTOK, Platform.INSTAGRAM}
    assert providers[Platform.INSTAGRAM].declaration.deadline_seconds == 90
    assert providers[Platform.TIKTOK].declaration.deadline_seconds == 30
    keys.setenv("YOUTUBE_API_KEY", "made-up-key")
    assert set(live_providers(Settings())) == set(Platform)


def test_youtube_withholds_contacts_until_the_operator_confirms(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("YOUTUBE_API_KEY", "made-up-key")
    silent = live_providers(Settings())[Platform.YOUTUBE].declaration.policy
    confirmed = live_providers(Settings(), youtube_contacts=True, youtube_derived=True)[Platform.YOUTUBE]
    assert (silent.contacts, silent.derived_metrics) == (False, False)
    assert (confirmed.declaration.policy.contacts, confirmed.declaration.policy.derived_metrics) == (
        True,
        True,
    )


async def test_a_malformed_key_is_told_by_the_search_that_needs_it(
    keys: pytest.MonkeyPatch, http: httpx.AsyncClient
) -> None:
    keys.setenv("YOUTUBE_API_KEY", "AIza broken")
    keys.setenv("SCRAPECREATORS_API_KEY", "made-up-key")
    providers = live_providers(Settings())
    assert set(providers) == set(Platform)
    with pytest.raises(ProviderError) as raised:
        await providers[Platform.YOUTUBE].search_keyword(http, KeywordQuery(keyword="chess"), None)
    assert (raised.value.kind, raised.value.cost.calls) == (ErrorKind.AUTH, 0)
    assert "YOUTUBE_API_KEY" in str(raised.value)


async def test_the_sandbox_is_asked_at_the_paths_of_the_originals(
    http: httpx.AsyncClient, remote: Remote
) -> None:
    providers = sandbox_providers(f"{remote.url}/")
    assert set(providers) == set(Platform)
    for platform, wire in zip((Platform.YOUTUBE, Platform.TIKTOK, Platform.INSTAGRAM), WIRES, strict=True):
        remote.script = wire.page(wire.items(0, 1), more=False)
        page = await providers[platform].search_keyword(http, KeywordQuery(keyword="chess"), None)
        assert page.creators[0].emails == ("mira@example.com",)
    assert [asked.path for asked in remote.asked] == [
        "/youtube/v3/search",
        "/youtube/v3/channels",
        "/youtube/v3/videos",
        "/v1/tiktok/search/keyword",
        "/v2/instagram/reels/search",
    ]


def test_every_adapter_declares_what_a_runner_must_know() -> None:
    for platform, provider in sandbox_providers("http://127.0.0.1:9").items():
        declaration = provider.declaration
        assert declaration.platforms == {platform}
        assert Capability.KEYWORD_SEARCH in declaration.capabilities
        assert min(declaration.page_size, declaration.calls_per_second, declaration.cost_per_page.calls) > 0


def test_the_reference_names_every_option_error_and_setting() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/providers.md").read_text(encoding="utf-8")
    options = {*youtube.OPTIONS, *tiktok.OPTIONS, *instagram.OPTIONS}
    variables = {refusals.KEY_VARIABLE, envelope.KEY_VARIABLE}
    words = {*options, *variables, *ErrorKind, tiktok.PATH, instagram.PATH}
    assert {word for word in words if f"`{word}`" not in page} == set()


def test_adapters_with_one_key_are_one_account_that_does_not_tell_it() -> None:
    one, two = sandbox_providers("http://127.0.0.1:9"), sandbox_providers("http://127.0.0.1:9")
    accounts = {platform: provider.declaration.account for platform, provider in one.items()}
    assert accounts[Platform.TIKTOK] == accounts[Platform.INSTAGRAM] != accounts[Platform.YOUTUBE]
    assert accounts == {platform: provider.declaration.account for platform, provider in two.items()}
    assert all("sandbox" not in (account or "sandbox") for account in accounts.values())


def test_what_the_calls_of_a_page_take_adds_up_to_what_is_declared_for_it() -> None:
    declaration = sandbox_providers("http://127.0.0.1:9")[Platform.YOUTUBE].declaration
    took = Counter[str]()
    for endpoint in declaration.endpoints:
        took.update(endpoint.takes)
    assert took == {quota.name: quota.amount for quota in declaration.quotas}
    assert (
        sum((one.cost for one in declaration.endpoints), Cost(calls=0, units=0)) == declaration.cost_per_page
    )
    assert declaration.page_seconds == 90
