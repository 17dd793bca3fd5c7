"""Which adapter answers for which platform: the live ones with a key, or all of them against the sandbox."""

from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.providers.base import Provider
from tastemaker.providers.scrapecreators import ScrapeCreatorsInstagram, ScrapeCreatorsTikTok
from tastemaker.providers.youtube import YouTube

SANDBOX_KEY = "sandbox"


def live_providers(
    settings: Settings, *, youtube_contacts: bool = False, youtube_derived: bool = False
) -> dict[Platform, Provider]:
    """The platforms for which a key is set. No call is made: a malformed key is told by the first search.

    `youtube_contacts` and `youtube_derived` are the operator's confirmations that YouTube's policy asks for.
    """
    providers: dict[Platform, Provider] = {}
    if settings.youtube_api_key:
        providers[Platform.YOUTUBE] = YouTube(
            settings.youtube_api_key.get_secret_value(),
            base_url=settings.youtube_base_url,
            contacts=youtube_contacts,
            derived=youtube_derived,
        )
    if settings.scrapecreators_api_key:
        key = settings.scrapecreators_api_key.get_secret_value()
        base_url = settings.scrapecreators_base_url
        providers[Platform.TIKTOK] = ScrapeCreatorsTikTok(key, base_url=base_url)
        providers[Platform.INSTAGRAM] = ScrapeCreatorsInstagram(key, base_url=base_url)
    return providers


def sandbox_providers(base_url: str) -> dict[Platform, Provider]:
    """The same adapters over the sandbox at `base_url`, whose people are made up: nothing is withheld."""
    return {
        Platform.YOUTUBE: YouTube(SANDBOX_KEY, base_url=base_url, contacts=True, derived=True),
        Platform.TIKTOK: ScrapeCreatorsTikTok(SANDBOX_KEY, base_url=base_url),
        Platform.INSTAGRAM: ScrapeCreatorsInstagram(SANDBOX_KEY, base_url=base_url),
    }
