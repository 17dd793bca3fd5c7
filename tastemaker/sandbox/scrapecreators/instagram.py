"""`/v2/instagram/reels/search`, `/v1/instagram/profile` and `/v1/instagram/basic-profile`."""

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import Body, SandboxCall, cut
from tastemaker.sandbox.formatting import iso_time_with_milliseconds
from tastemaker.sandbox.identity import short_code
from tastemaker.sandbox.pictures import BASE_URL
from tastemaker.sandbox.scrapecreators.envelope import envelope, number, refusal, required, visible
from tastemaker.sandbox.store import CreatorRow, PostRow

REPEATS = 0.15
MOST_PAGES = 11
_REELS_ON_A_PAGE = 12
_RELATED = 6
_IMAGES = f"{BASE_URL}/instagram"


def search_reels(call: SandboxCall) -> Body:
    """Pages 1 to 11; an answer does not say whether there is another one. Ignored: date_posted."""
    keyword, page = required(call, "query"), number(call, "page", 1, most=MOST_PAGES)
    if page < 1:
        raise refusal(400, "bad_request", f"Parameter page goes from 1 to {MOST_PAGES}.")
    rows = call.library.posts_for(Platform.INSTAGRAM, keyword, repeats=call.repeats(REPEATS))
    place = 0 if call.faults.cursor_loop else (page - 1) * _REELS_ON_A_PAGE
    reels = call.library.posts(cut(rows, place, _REELS_ON_A_PAGE, call.faults).rows)
    return envelope(call) | {"reels": [_reel(post, creator) for post, creator in reels]}


def profile(call: SandboxCall) -> Body:
    found = call.library.creator_by_handle(Platform.INSTAGRAM, required(call, "handle"))
    creator = visible(call, Platform.INSTAGRAM, found)
    related = call.library.resembling(creator, limit=_RELATED)
    return envelope(call) | {"data": {"user": _user(creator, related)}, "status": "ok"}


def basic_profile(call: SandboxCall) -> Body:
    found = call.library.creators_by_id(Platform.INSTAGRAM, [required(call, "userId")])
    creator = visible(call, Platform.INSTAGRAM, next(iter(found), None))
    links = _links(creator)
    return envelope(call) | {
        "friendship_status": None,
        "is_memorialized": False,
        "is_private": False,
        "bio_links": links,
        "username": creator.handle,
        "pk": creator.stable_id,
        "profile_pic_url": _picture(creator),
        "hd_profile_pic_url_info": {"url": _picture(creator)},
        "biography": creator.bio or "",
        "full_name": creator.name or "",
        "is_verified": bool(creator.verified),
        "account_type": 3,
        "follower_count": creator.followers,
        "is_business": False,
        "biography_with_entities": {"entities": []},
        "category": None,
        "external_url": links[0]["url"] if links else "",
        "pronouns": [],
        "fbid_v2": f"1784140{creator.stable_id}",
        "following_count": creator.following,
        "media_count": creator.posts_count,
        "total_clips_count": 1,
        "id": creator.stable_id,
    }


def _reel(post: PostRow, creator: CreatorRow) -> Body:
    """Views are missing where the creator hides them."""
    code = short_code(post.post_id)
    reel: Body = {
        "id": post.post_id,
        "__typename": "XDTGraphVideo",
        "shortcode": code,
        "url": f"https://www.instagram.com/reel/{code}/",
        "caption": post.title,
        "thumbnail_src": f"{_IMAGES}/reel/{code}.jpg",
        "display_url": f"{_IMAGES}/reel/{code}.jpg",
        "video_url": f"{_IMAGES}/reel/{code}.mp4",
        "has_audio": True,
        "accessibility_caption": None,
        "product_type": "clips",
        "video_duration": None if post.duration is None else post.duration + 0.166,
        "is_video": True,
        "owner": _owner(creator),
        "taken_at": None if post.published_at is None else iso_time_with_milliseconds(post.published_at),
        "is_ad": False,
        "like_count": post.likes,
        "is_affiliate": False,
        "is_paid_partnership": bool(post.sponsored),
        "location": None,
        "comment_count": post.comments,
    }
    return (
        reel
        if post.views is None
        else reel | {"video_play_count": post.views, "video_view_count": post.views}
    )


def _owner(creator: CreatorRow) -> Body:
    return {
        "id": creator.stable_id,
        "username": creator.handle,
        "is_verified": bool(creator.verified),
        "profile_pic_url": _picture(creator),
        "full_name": creator.name or "",
        "is_private": False,
        "is_unpublished": False,
        "follower_count": creator.followers,
        "post_count": creator.posts_count,
    }


def _user(creator: CreatorRow, related: list[CreatorRow]) -> Body:
    links = _links(creator)
    return {
        "ai_agent_type": None,
        "biography": creator.bio or "",
        "bio_links": links,
        "biography_with_entities": {"raw_text": creator.bio or "", "entities": []},
        "blocked_by_viewer": False,
        "country_block": False,
        "external_url": links[0]["url"] if links else None,
        "edge_followed_by": {"count": creator.followers},
        "fbid": f"1784140{creator.stable_id}",
        "edge_follow": {"count": creator.following},
        "full_name": creator.name or "",
        "has_clips": True,
        "highlight_reel_count": 0,
        "hide_like_and_view_counts": False,
        "id": creator.stable_id,
        "is_business_account": creator.email is not None,
        "is_professional_account": True,
        "business_address_json": None,
        "business_contact_method": "UNKNOWN",
        "business_email": creator.email,
        "business_phone_number": None,
        "category_name": (creator.category or "").title() or None,
        "is_private": False,
        "is_verified": bool(creator.verified),
        "profile_pic_url": _picture(creator),
        "profile_pic_url_hd": _picture(creator),
        "username": creator.handle,
        "pronouns": [],
        "edge_owner_to_timeline_media": {
            "count": creator.posts_count,
            "page_info": {"has_next_page": False, "end_cursor": None},
            "edges": [],
        },
        "edge_related_profiles": {"edges": [{"node": _related_node(other)} for other in related]},
    }


def _related_node(creator: CreatorRow) -> Body:
    return {
        "id": creator.stable_id,
        "full_name": creator.name or "",
        "is_private": creator.state == "private",
        "is_verified": bool(creator.verified),
        "profile_pic_url": _picture(creator),
        "username": creator.handle,
    }


def _links(creator: CreatorRow) -> list[Body]:
    urls = orjson.loads(creator.links) if creator.links else []
    return [{"title": "", "lynx_url": url, "url": url, "link_type": "external"} for url in urls]


def _picture(creator: CreatorRow) -> str:
    return f"{_IMAGES}/avatar/{creator.stable_id}.jpg"
