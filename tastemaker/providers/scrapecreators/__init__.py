"""TikTok and Instagram through the ScrapeCreators API: one key, one envelope, one file per platform."""

from tastemaker.providers.scrapecreators.instagram import ScrapeCreatorsInstagram
from tastemaker.providers.scrapecreators.tiktok import ScrapeCreatorsTikTok

__all__ = ["ScrapeCreatorsInstagram", "ScrapeCreatorsTikTok"]
