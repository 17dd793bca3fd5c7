"""The ScrapeCreators API, imitated: TikTok, Instagram and YouTube behind one envelope."""

from tastemaker.sandbox.call import Handler
from tastemaker.sandbox.scrapecreators import instagram, tiktok, youtube

HANDLERS: dict[str, Handler] = {
    "/v1/tiktok/search/keyword": tiktok.search_keyword,
    "/v1/tiktok/search/users": tiktok.search_users,
    "/v1/tiktok/profile": tiktok.profile,
    "/v2/instagram/reels/search": instagram.search_reels,
    "/v1/instagram/profile": instagram.profile,
    "/v1/instagram/basic-profile": instagram.basic_profile,
    "/v1/youtube/search": youtube.search,
    "/v1/youtube/channel": youtube.channel,
}
