from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.providers import instagram_graph, youtube
from tastemaker.providers.base import Adapter, Capability, Cost, ErrorKind, KeywordQuery, ProviderError
from tastemaker.providers.instagram_graph import InstagramGraph
from tastemaker.providers.plugins import GROUP
from tastemaker.providers.registry import BUILT_IN, live_providers, load_registry, sandbox_providers
from tastemaker.providers.scrapecreators import envelope, instagram, tiktok
from tastemaker.providers.scrapecreators import youtube as scrapecreators_youtube
from tastemaker.providers.youtube import client
from tests.providers.remote import Remote
from tests.providers.wires import WIRES


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without any key."""
    for name in ("YOUTUBE_API_KEY", "SCRAPECREATORS_API_KEY", "PROVIDERS", "INSTAGRAM_GRAPH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"TASTEMAKER_{name}", raising=False)
    return monkeypatch


def test_without_keys_nothing_is_live(keys: pytest.MonkeyPatch) -> None:
    assert live_providers(Settings()) == {}


def test_a_key_makes_its_platforms_live(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("SCRAPECREATORS_API_KEY", "made-up-key")
    providers = live_providers(Settings())
    assert names(providers) == {one: f"scrapecreators_{one.slug}" for one in Platform}
    assert providers[Platform.INSTAGRAM].declaration.deadline_seconds == 90
    assert providers[Platform.TIKTOK].declaration.deadline_seconds == 30
    keys.setenv("YOUTUBE_API_KEY", "made-up-key")
    assert names(live_providers(Settings()))[Platform.YOUTUBE] == "youtube"


def names(adapters: Mapping[Platform, Adapter]) -> dict[Platform, str]:
    return {platform: adapter.declaration.name for platform, adapter in adapters.items()}


def test_the_preferred_provider_answers_and_an_excluded_one_never(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("SCRAPECREATORS_API_KEY", "made-up-key")
    keys.setenv("YOUTUBE_API_KEY", "made-up-key")
    keys.setenv("INSTAGRAM_GRAPH_TOKEN", "made-up-token")
    keys.setenv("INSTAGRAM_GRAPH_USER_ID", "17841400000000000")
    assert names(load_registry(Settings()).lookups)[Platform.INSTAGRAM] == "scrapecreators_instagram"
    keys.setenv("TASTEMAKER_PROVIDERS", "instagram_graph, scrapecreators_youtube,-scrapecreators_tiktok")
    registry = load_registry(Settings())
    assert names(registry.searches) == {
        Platform.INSTAGRAM: "scrapecreators_instagram",  # the preferred one has no search
        Platform.YOUTUBE: "scrapecreators_youtube",
    }
    assert names(registry.lookups) == {
        Platform.INSTAGRAM: "instagram_graph",
        Platform.YOUTUBE: "scrapecreators_youtube",
    }
    assert registry.user_searches == {}


def test_half_of_the_settings_are_not_enough(keys: pytest.MonkeyPatch) -> None:
    keys.setenv("INSTAGRAM_GRAPH_TOKEN", "made-up-token")
    registry = load_registry(Settings())
    assert registry.lookups == {}
    missing = {known.name: known.missing for known in registry.known}
    assert missing["instagram_graph"] == ("INSTAGRAM_GRAPH_USER_ID",)


@pytest.mark.parametrize("preference", ["yotube", "youtube,-tiktok", "-"])
def test_a_provider_that_is_not_there_is_refused(keys: pytest.MonkeyPatch, preference: str) -> None:
    keys.setenv("TASTEMAKER_PROVIDERS", preference)
    with pytest.raises(InvalidInput, match=r"TASTEMAKER_PROVIDERS names .* There are: .*youtube"):
        load_registry(Settings())


def test_every_provider_that_is_built_in_is_known_by_its_declaration_s_name(
    keys: pytest.MonkeyPatch,
) -> None:
    for variable in ("YOUTUBE_API_KEY", "SCRAPECREATORS_API_KEY", "INSTAGRAM_GRAPH_TOKEN"):
        keys.setenv(variable, "made-up-key")
    keys.setenv("INSTAGRAM_GRAPH_USER_ID", "17841400000000000")
    known = load_registry(Settings()).known
    assert tuple(one.name for one in known) == BUILT_IN
    assert [one.adapter.declaration.name for one in known if one.adapter] == list(BUILT_IN)
    assert all(one.adapter and one.adapter.declaration.platforms == one.platforms for one in known)


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


def test_the_reference_names_every_option_error_setting_and_call(keys: pytest.MonkeyPatch) -> None:
    for variable in ("YOUTUBE_API_KEY", "SCRAPECREATORS_API_KEY", "INSTAGRAM_GRAPH_TOKEN"):
        keys.setenv(variable, "made-up-key")
    keys.setenv("INSTAGRAM_GRAPH_USER_ID", "17841400000000000")
    registry = load_registry(Settings())
    page = (Path(__file__).parents[2] / "docs/reference/providers.md").read_text(encoding="utf-8")
    options = {*youtube.OPTIONS, *tiktok.OPTIONS, *instagram.OPTIONS}
    options |= set(scrapecreators_youtube.OPTIONS)
    variables = {
        client.KEY_VARIABLE,
        envelope.KEY_VARIABLE,
        instagram_graph.KEY_VARIABLE,
        instagram_graph.USER_VARIABLE,
    }
    paths = {
        endpoint.path
        for known in registry.known
        if known.adapter
        for endpoint in known.adapter.declaration.endpoints
    }
    words = {*options, *variables, *ErrorKind, *Capability, *BUILT_IN, *paths, GROUP}
    assert {word for word in words if f"`{word}`" not in page} == set()


def test_instagram_is_waited_for_as_long_as_it_takes() -> None:
    """Calls of up to 70 seconds were recorded."""
    instagram_s = sandbox_providers("http://127.0.0.1:9")[Platform.INSTAGRAM].declaration
    graph_s = InstagramGraph("made-up-token", user_id="178", base_url="http://127.0.0.1:9").declaration
    for declaration in (instagram_s, graph_s):
        assert {endpoint.deadline_seconds for endpoint in declaration.endpoints} == {90}


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
