"""Where creators come from: the live platforms for which there is a key, or the sandbox; never both mixed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.searches.types import LIVE, SANDBOX

if TYPE_CHECKING:
    from tastemaker.cli.session import Session
    from tastemaker.providers.base import Declaration

Source = Literal["sandbox", "live"]

ALL = "all"
PLATFORMS = (Platform.YOUTUBE, Platform.TIKTOK, Platform.INSTAGRAM)


@dataclass(frozen=True, slots=True)
class Choice:
    """What will be searched; `left_out` are the platforms that would need a key."""

    source: Source
    platforms: Sequence[Platform]
    left_out: Sequence[Platform]


def choose(settings: Settings, platform: str | None, *, sandbox: bool) -> Choice:
    """Raises InvalidInput for an unknown platform, and for one without a key while others have one."""
    everything = platform is None or platform.strip().lower() == ALL
    wanted = PLATFORMS if everything else (Platform.parse(platform or ""),)
    live = live_platforms(settings)
    if sandbox or not live:
        return Choice(SANDBOX, wanted, ())
    left_out = [one for one in wanted if one not in live]
    if not everything and left_out:
        refuse_without_key(settings, left_out[0], instead=" Set it, or add --sandbox for made-up creators.")
    return Choice(LIVE, [one for one in wanted if one in live], left_out)


def refuse_without_key(settings: Settings, platform: Platform, *, instead: str = " Set it.") -> None:
    """Raises InvalidInput."""
    if platform not in live_platforms(settings):
        need = needed_for(settings, platform)
        raise InvalidInput(f"To search {platform.value} live, {need} is needed.{instead}")


def notice(choice: Choice, settings: Settings, *, is_imported: bool) -> str | None:
    """What a person has to know about where the creators come from."""
    if choice.source == LIVE:
        return _left_out(settings, choice.left_out)
    if is_imported:
        return "Sandbox: these creators come from the imported corpus, not from the live platforms."
    made_up = "Sandbox: these creators are made up."
    if live_platforms(settings):
        return made_up
    return f"{made_up} Set YOUTUBE_API_KEY to search the real YouTube."


def live_platforms(settings: Settings) -> list[Platform]:
    """Those that some provider can search, with what is set. Raises InvalidInput for an unknown provider."""
    from tastemaker.providers.registry import live_providers

    searchable = live_providers(settings)
    return [one for one in PLATFORMS if one in searchable]


def needed_for(settings: Settings, platform: Platform) -> str:
    """What would make the platform live, as a part of a sentence: most often a key's name."""
    from tastemaker.providers.registry import load_registry

    return load_registry(settings).needed_for(platform)


async def declarations(session: "Session", choice: Choice) -> dict[Platform, "Declaration"]:
    """What the adapters say of themselves that would be asked; nothing is started."""
    from tastemaker.providers.registry import sandbox_providers
    from tastemaker.runtime import live_registry

    is_live = choice.source == LIVE
    providers = (
        (await live_registry(session.database, session.settings)).searches
        if is_live
        else sandbox_providers("http://127.0.0.1")
    )
    return {platform: provider.declaration for platform, provider in providers.items()}


def _left_out(settings: Settings, platforms: Sequence[Platform]) -> str | None:
    if not platforms:
        return None
    names = " and ".join(one.value for one in platforms)
    need = "it needs" if len(platforms) == 1 else "they need"
    needed = " and ".join(dict.fromkeys(needed_for(settings, one) for one in platforms))
    return f"{names} {'is' if len(platforms) == 1 else 'are'} left out: {need} {needed}."
