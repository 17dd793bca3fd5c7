"""The YouTube Data API v3, imitated."""

from tastemaker.sandbox.call import Answer
from tastemaker.sandbox.youtube.lists import channels, playlist_items, videos
from tastemaker.sandbox.youtube.search import search

ANSWERS: dict[str, Answer] = {
    "/youtube/v3/search": search,
    "/youtube/v3/channels": channels,
    "/youtube/v3/videos": videos,
    "/youtube/v3/playlistItems": playlist_items,
}
