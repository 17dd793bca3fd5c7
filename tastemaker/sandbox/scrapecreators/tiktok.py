"""`/v1/tiktok/search/keyword`, `/v1/tiktok/search/users` and `/v1/tiktok/profile`."""

import re
from decimal import Decimal
from typing import Any

import orjson

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.call import Body, SandboxCall, cut
from tastemaker.sandbox.formatting import iso_time_with_milliseconds
from tastemaker.sandbox.identity import sec_uid
from tastemaker.sandbox.pictures import BASE_URL
from tastemaker.sandbox.scrapecreators.envelope import envelope, number, required, visible
from tastemaker.sandbox.store import CreatorRow, PostRow

REPEATS = 0.204
"""The part of a search's rows that show a creator seen before, as measured on recordings."""

_POSTS_ON_A_PAGE = 10
_CURSOR_STEP = 12
"""The cursor moves further than the rows on the page: counting rows instead leads to overlapping pages."""

_USERS_ON_A_PAGE = 30
_IMAGES = f"{BASE_URL}/tiktok"
_HASHTAG = re.compile(r"#([^\s#]+)")
_INT32 = 2**31


def search_keyword(call: SandboxCall) -> Body:
    """Ignored: region, date_posted, sort_by, trim. There is no bio in this answer."""
    keyword, cursor = required(call, "query"), number(call, "cursor", 0)
    rows = call.library.posts_for(Platform.TIKTOK, keyword, repeats=call.repeats(REPEATS))
    page = cut(rows, cursor * _POSTS_ON_A_PAGE // _CURSOR_STEP, _POSTS_ON_A_PAGE, call.faults)
    return envelope(call) | {
        "cursor": cursor if call.faults.cursor_loop else cursor + _CURSOR_STEP,
        "has_more": int(page.following is not None),
        "search_item_list": [
            {"aweme_info": _aweme(post, creator), "search_aweme_info": {"has_creation_intention": False}}
            for post, creator in call.library.posts(page.rows)
        ],
    }


def search_users(call: SandboxCall) -> Body:
    keyword, cursor = required(call, "query"), number(call, "cursor", 0)
    page = cut(call.library.creators_for(Platform.TIKTOK, keyword), cursor, _USERS_ON_A_PAGE, call.faults)
    return envelope(call) | {
        "cursor": cursor + _USERS_ON_A_PAGE if page.following is None else page.following,
        "has_more": int(page.following is not None),
        "users": [
            {
                "challenges": None,
                "effects": None,
                "items": None,
                "position": None,
                "user_info": _user_info(creator),
            }
            for creator in call.library.creators(page.rows)
        ],
    }


def profile(call: SandboxCall) -> Body:
    """By `handle` or `user_id`."""
    user_id = call.text("user_id")
    if user_id:
        found = next(iter(call.library.creators_by_id(Platform.TIKTOK, [user_id])), None)
    else:
        found = call.library.creator_by_handle(Platform.TIKTOK, required(call, "handle", "user_id"))
    creator = visible(call, Platform.TIKTOK, found)
    counts = _counts(creator)
    return envelope(call) | {
        "user": _user(creator),
        "stats": counts | {"heart": _int32(counts["heart"]), "heartCount": _int32(counts["heartCount"])},
        "statsV2": {name: str(count) for name, count in counts.items()},
        "itemList": [],
    }


def _aweme(post: PostRow, creator: CreatorRow) -> Body:
    url = f"https://www.tiktok.com/@{creator.handle}/video/{post.post_id}"
    text = post.title or ""
    return {
        "author": _author(creator),
        "author_user_id": _as_javascript_number(creator.stable_id),
        "aweme_id": post.post_id,
        "aweme_type": 0,
        "content_desc": "",
        "content_type": "video",
        "create_time": post.published_at,
        "create_time_utc": None
        if post.published_at is None
        else iso_time_with_milliseconds(post.published_at),
        "desc": text,
        "desc_language": post.language or "un",
        "group_id": post.post_id,
        "is_ad": False,
        "is_ads": False,
        "is_hash_tag": 1,
        "is_paid_partnership": bool(post.sponsored),
        "is_top": 0,
        "prevent_download": False,
        "region": creator.country or "",
        "search_desc": text,
        "share_info": {"share_url": url, "share_desc": f"Check out {creator.name}'s video! #TikTok"},
        "share_url": f"{url}?_r=1&share_item_id={post.post_id}&source=h5_m",
        "statistics": _statistics(post),
        "status": {"allow_comment": True, "allow_share": True, "is_delete": False, "private_status": 0},
        "text_extra": _text_extra(text, post.tags),
        "title_language": "un",
        "url": url,
        "video": _video(post),
        "without_watermark": False,
    }


def _author(creator: CreatorRow) -> Body:
    """Without `signature`; verified accounts only show in `custom_verify`."""
    return {
        "avatar_168x168": _picture(creator, 168),
        "avatar_300x300": _picture(creator, 300),
        "avatar_larger": _picture(creator, 1080),
        "avatar_medium": _picture(creator, 720),
        "avatar_thumb": _picture(creator, 100),
        "avatar_uri": f"avatar/{creator.stable_id}",
        "aweme_count": 0,
        "custom_verify": "Verified account" if creator.verified else "",
        "enterprise_verify_reason": "",
        "follow_status": 0,
        "follower_count": creator.followers,
        "following_count": creator.following,
        "ins_id": "",
        "is_ad_fake": False,
        "is_block": False,
        "is_star": False,
        "nickname": creator.name or "",
        "room_id": 0,
        "search_user_desc": creator.handle,
        "search_user_name": creator.name or "",
        "sec_uid": sec_uid(creator.stable_id),
        "secret": 0,
        "short_id": "0",
        "status": 1,
        "total_favorited": 0,
        "uid": creator.stable_id,
        "unique_id": creator.handle,
        "user_canceled": False,
        "verification_type": 1,
        "verify_info": "",
    }


def _user_info(creator: CreatorRow) -> Body:
    return _author(creator) | {
        "aweme_count": creator.posts_count,
        "is_private_account": int(creator.state == "private"),
        "room_id_str": "0",
        "search_user_desc": creator.name or "",
        "search_user_name": creator.handle,
        "total_favorited": creator.likes_total,
    }


def _user(creator: CreatorRow) -> Body:
    links = orjson.loads(creator.links) if creator.links else []
    pictures = {
        name: _picture_url(creator, size)
        for name, size in (("Larger", 1080), ("Medium", 720), ("Thumb", 100))
    }
    user = {
        "id": creator.stable_id,
        "shortId": "",
        "uniqueId": creator.handle,
        "nickname": creator.name or "",
        **{f"avatar{name}": url for name, url in pictures.items()},
        "signature": creator.bio or "",
        "createTime": creator.joined_at,
        "verified": bool(creator.verified),
        "secUid": sec_uid(creator.stable_id),
        "ftc": False,
        "relation": 0,
        "openFavorite": False,
        "commentSetting": 0,
        "commerceUserInfo": {"commerceUser": False},
        "privateAccount": False,
        "secret": False,
        "isADVirtual": False,
        "roomId": "",
        "ttSeller": False,
        "followingVisibility": 1,
        "language": creator.language or "",
        "isOrganization": 0,
    }
    return user | ({"bioLink": {"link": links[0], "risk": 0}} if links else {})


def _counts(creator: CreatorRow) -> dict[str, int]:
    """Unknown counts are 0 here, as this endpoint of the real service has it."""
    return {
        "followerCount": creator.followers or 0,
        "followingCount": creator.following or 0,
        "heart": creator.likes_total or 0,
        "heartCount": creator.likes_total or 0,
        "videoCount": creator.posts_count or 0,
        "diggCount": 0,
        "friendCount": 0,
    }


def _statistics(post: PostRow) -> Body:
    return {
        "aweme_id": post.post_id,
        "collect_count": post.saves,
        "comment_count": post.comments,
        "digg_count": post.likes,
        "download_count": 0,
        "forward_count": 0,
        "lose_comment_count": 0,
        "lose_count": 0,
        "play_count": post.views,
        "repost_count": 0,
        "share_count": post.shares,
        "whatsapp_share_count": 0,
    }


def _text_extra(text: str, tags: str | None) -> list[Body]:
    """The hashtags with their places in the text; without any there, those that the corpus knows."""
    found = [(match[1], match.start(), match.end()) for match in _HASHTAG.finditer(text)]
    named = found or [(tag, 0, 0) for tag in (orjson.loads(tags) if tags else [])]
    return [
        {
            "start": start,
            "end": end,
            "hashtag_id": str(sum(name.encode()) + 1_000_000),
            "hashtag_name": name,
            "is_commerce": False,
            "sec_uid": "",
            "type": 1,
            "user_id": "",
        }
        for name, start, end in named
    ]


def _video(post: PostRow) -> Body:
    cover = {
        "uri": f"cover/{post.post_id}",
        "url_list": [f"{_IMAGES}/cover/{post.post_id}.jpeg"],
        "url_prefix": None,
    }
    return {
        "cover": cover | {"height": 720, "width": 720},
        "origin_cover": cover | {"height": 720, "width": 720},
        "duration": None if post.duration is None else post.duration * 1000,
        "height": 1024,
        "width": 576,
        "ratio": "540p",
        "play_addr": {
            "uri": post.post_id,
            "url_list": [f"{_IMAGES}/play/{post.post_id}.mp4"],
            "url_prefix": None,
        },
    }


def _picture(creator: CreatorRow, size: int) -> dict[str, Any]:
    return {
        "height": 720,
        "uri": f"avatar/{creator.stable_id}",
        "url_list": [_picture_url(creator, size)],
        "url_prefix": None,
        "width": 720,
    }


def _picture_url(creator: CreatorRow, size: int) -> str:
    return f"{_IMAGES}/avatar/{creator.stable_id}~{size}x{size}.jpeg"


def _int32(count: int) -> int:
    """The service's old counters overflow: beyond 2,147,483,647 they turn negative."""
    return (count + _INT32) % (2 * _INT32) - _INT32


def _as_javascript_number(text: str) -> int:
    """19 digits do not fit a double: the last ones are lost in this field, as in the real one."""
    return int(Decimal(repr(float(text))))
