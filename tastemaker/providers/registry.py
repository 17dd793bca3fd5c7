"""Which provider answers: the live ones whose settings are there, or ours against the sandbox.

Several may serve a platform. Those that `TASTEMAKER_PROVIDERS` names come first, in its order; one with a
minus before its name is never used; the others follow as `BUILT_IN` lists them, other packages' last. The
first that can do what is asked does it. Nothing falls over to the next when it fails: another provider has
other prices, other terms and other ids.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pydantic import SecretStr

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.providers.base import Adapter, Capability, ProfileLookup, Provider, UserSearch
from tastemaker.providers.instagram_graph import InstagramGraph
from tastemaker.providers.plugins import KnownProvider, installed_plugins
from tastemaker.providers.scrapecreators import (
    ScrapeCreatorsInstagram,
    ScrapeCreatorsTikTok,
    ScrapeCreatorsYouTube,
)
from tastemaker.providers.youtube import YouTube

SANDBOX_KEY = "sandbox"
SANDBOX_USER = "17841400000000000"
BUILT_IN: Final = (
    "youtube",
    "scrapecreators_tiktok",
    "scrapecreators_instagram",
    "scrapecreators_youtube",
    "instagram_graph",
)
NEVER = "-"


@dataclass(frozen=True, slots=True)
class Registry:
    """The providers in the order in which they are asked. A provider that is `never` used is known still."""

    known: Sequence[KnownProvider]
    never: frozenset[str] = frozenset()

    def adapter_for(self, platform: Platform, capability: Capability) -> Adapter | None:
        return next(self._able(platform, capability), None)

    @property
    def searches(self) -> dict[Platform, Provider]:
        """For each platform the provider of keyword searches."""
        return {
            platform: adapter
            for platform in Platform
            if isinstance(adapter := self.adapter_for(platform, Capability.KEYWORD_SEARCH), Provider)
        }

    @property
    def lookups(self) -> dict[Platform, ProfileLookup]:
        return {
            platform: adapter
            for platform in Platform
            if isinstance(adapter := self.adapter_for(platform, Capability.PROFILE), ProfileLookup)
        }

    @property
    def user_searches(self) -> dict[Platform, UserSearch]:
        return {
            platform: adapter
            for platform in Platform
            if isinstance(adapter := self.adapter_for(platform, Capability.USER_SEARCH), UserSearch)
        }

    def needed_for(self, platform: Platform) -> str:
        """What would have to be set so that somebody answers there, as a part of a sentence."""
        able = [one for one in self.known if platform in one.platforms]
        if excluded := next((one.name for one in able if one.adapter and one.name in self.never), None):
            return f"TASTEMAKER_PROVIDERS without {NEVER}{excluded}"
        return next((one.missing[0] for one in able if one.missing), "a provider for it")

    def _able(self, platform: Platform, capability: Capability) -> Iterator[Adapter]:
        for one in self.known:
            if one.adapter is None or one.name in self.never:
                continue
            declared = one.adapter.declaration
            if platform in declared.platforms and capability in declared.capabilities:
                yield one.adapter


def load_registry(
    settings: Settings, *, youtube_contacts: bool = False, youtube_derived: bool = False
) -> Registry:
    """No call is made: a malformed key is told by the first search. Raises InvalidInput for an unknown name.

    `youtube_contacts` and `youtube_derived` are the operator's confirmations that YouTube's policy asks for.
    """
    ours = list(_built_in(settings, youtube_contacts=youtube_contacts, youtube_derived=youtube_derived))
    known = [*ours, *(_without_our_names(one) for one in installed_plugins(os.environ))]
    return _in_order(known, settings.providers or "")


def live_providers(
    settings: Settings, *, youtube_contacts: bool = False, youtube_derived: bool = False
) -> dict[Platform, Provider]:
    """For each platform that can be searched live the provider that answers there."""
    registry = load_registry(settings, youtube_contacts=youtube_contacts, youtube_derived=youtube_derived)
    return registry.searches


def sandbox_providers(base_url: str) -> dict[Platform, Provider]:
    """Ours over the sandbox at `base_url`, whose people are made up: nothing is withheld."""
    return {
        Platform.YOUTUBE: YouTube(SANDBOX_KEY, base_url=base_url, contacts=True, derived=True),
        Platform.TIKTOK: ScrapeCreatorsTikTok(SANDBOX_KEY, base_url=base_url),
        Platform.INSTAGRAM: ScrapeCreatorsInstagram(SANDBOX_KEY, base_url=base_url),
    }


def sandbox_lookups(base_url: str) -> dict[Platform, ProfileLookup]:
    return {
        platform: adapter
        for platform, adapter in sandbox_providers(base_url).items()
        if isinstance(adapter, ProfileLookup)
    }


def _built_in(
    settings: Settings, *, youtube_contacts: bool, youtube_derived: bool
) -> Iterator[KnownProvider]:
    """In the order of `BUILT_IN`."""
    secret = settings.scrapecreators_api_key
    yield _ours(
        "youtube",
        Platform.YOUTUBE,
        {"YOUTUBE_API_KEY": settings.youtube_api_key},
        lambda key: YouTube(
            key, base_url=settings.youtube_base_url, contacts=youtube_contacts, derived=youtube_derived
        ),
    )
    for platform, adapter in (
        (Platform.TIKTOK, ScrapeCreatorsTikTok),
        (Platform.INSTAGRAM, ScrapeCreatorsInstagram),
        (Platform.YOUTUBE, ScrapeCreatorsYouTube),
    ):
        yield _ours(
            f"scrapecreators_{platform.slug}",
            platform,
            {"SCRAPECREATORS_API_KEY": secret},
            partial(adapter, base_url=settings.scrapecreators_base_url),
        )
    yield _ours(
        "instagram_graph",
        Platform.INSTAGRAM,
        {
            "INSTAGRAM_GRAPH_TOKEN": settings.instagram_graph_token,
            "INSTAGRAM_GRAPH_USER_ID": settings.instagram_graph_user_id,
        },
        lambda token: InstagramGraph(
            token,
            user_id=settings.instagram_graph_user_id or "",
            base_url=settings.instagram_graph_base_url,
        ),
    )


def _ours(
    name: str,
    platform: Platform,
    needs: Mapping[str, SecretStr | str | None],
    build: Callable[[str], Adapter],
) -> KnownProvider:
    """The first of `needs` is the key."""
    missing = tuple(variable for variable, value in needs.items() if not value)
    key = next(iter(needs.values()))
    return KnownProvider(
        name=name,
        platforms=frozenset({platform}),
        needs=tuple(needs),
        adapter=build(key.get_secret_value()) if isinstance(key, SecretStr) and not missing else None,
        missing=missing,
    )


def _without_our_names(known: KnownProvider) -> KnownProvider:
    if known.name not in BUILT_IN:
        return known
    problem = f"{known.name} is the name of a provider that is built in"
    return replace(known, name=f"{known.package}", adapter=None, missing=(), problem=problem)


def _in_order(known: Sequence[KnownProvider], preference: str) -> Registry:
    words = [word.strip() for word in preference.split(",") if word.strip()]
    names = {one.name for one in known}
    for word in words:
        if word.removeprefix(NEVER) not in names:
            choice = ", ".join(sorted(names))
            raise InvalidInput(f"TASTEMAKER_PROVIDERS names {word[:60]!r}. There are: {choice}.")
    first = {word: number for number, word in enumerate(words)}
    ranked = sorted(known, key=lambda one: first.get(one.name, len(words)))
    return Registry(ranked, frozenset(word[1:] for word in words if word.startswith(NEVER)))
