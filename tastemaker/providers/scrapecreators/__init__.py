"""TikTok, Instagram and YouTube through the ScrapeCreators API: one key, one envelope."""

from tastemaker.providers.scrapecreators.instagram import ScrapeCreatorsInstagram
from tastemaker.providers.scrapecreators.tiktok import ScrapeCreatorsTikTok
from tastemaker.providers.scrapecreators.youtube import ScrapeCreatorsYouTube

__all__ = ["ScrapeCreatorsInstagram", "ScrapeCreatorsTikTok", "ScrapeCreatorsYouTube"]
