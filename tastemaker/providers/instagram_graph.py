"""Instagram through Meta's Graph API: professional accounts by handle, for an operator who has one.

`business_discovery` is a field of the operator's own account; its argument names the other account and the
fields to return. Its ids are the Graph API's own, not Instagram's numeric user ids.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import httpx

from tastemaker.core.platforms import Platform
from tastemaker.core.prose import distinct_links, emails_in, hashtags_in, links_in
from tastemaker.providers import parsing
from tastemaker.providers.base import (
    Capability,
    Cost,
    Creator,
    CursorKind,
    Declaration,
    Endpoint,
    ErrorKind,
    Page,
    PolicyClass,
    Post,
    ProfileQuery,
    ProviderError,
)
from tastemaker.providers.declaration import account_of
from tastemaker.providers.errors import kind_of_status, refusal
from tastemaker.providers.http import JsonResponse, get_json
from tastemaker.providers.parameters import bad_request, checked_account, checked_options
from tastemaker.providers.parsing import dig, gather

POSTS = 25
PATH = "/{ig-user-id}"
ONE_CALL = Cost(calls=1, units=1)
FIELDS = (
    "id,username,name,biography,website,profile_picture_url,followers_count,follows_count,media_count,"
    f"media.limit({POSTS}){{id,caption,comments_count,like_count,media_type,permalink,timestamp}}"
)
DISCOVERY = Endpoint(
    name="business_discovery",
    path=PATH,
    capability=Capability.PROFILE,
    cost=ONE_CALL,
    takes={"calls": 1},
    deadline_seconds=90.0,
    stable_id_path="business_discovery.id",
)
CALLS_PER_SECOND = 200 / 3600  # Meta allows 200 calls an hour for each user of an app

_TOKEN = re.compile(r"[A-Za-z0-9_.|\-]{6,2048}")
_HANDLE = re.compile(r"[A-Za-z0-9_.]{1,30}")
_USER_ID = re.compile(r"[0-9]{1,32}")
_SHORT_CODE = re.compile(r"/(?:p|reel|tv)/([A-Za-z0-9_\-]{5,64})/?")

NAME = "Instagram Graph API"
KEY_VARIABLE = "INSTAGRAM_GRAPH_TOKEN"
USER_VARIABLE = "INSTAGRAM_GRAPH_USER_ID"
USAGE_HEADER = "X-Business-Use-Case-Usage"
_NO_SUCH_ACCOUNT = 2207013
_KINDS = {
    ErrorKind.RATE_LIMITED: {4, 17, 32, 613, 80002},
    ErrorKind.AUTH: {3, 10, 102, 190, *range(200, 300)},
    ErrorKind.NOT_FOUND: {24, 110},
    ErrorKind.BAD_REQUEST: {100, 803},
    ErrorKind.SERVER: {1, 2},
}
_KIND_OF = {code: kind for kind, codes in _KINDS.items() for code in codes}
_MINUTE = 60


class InstagramGraph:
    """A profile is one call, with the latest posts in it. There is no search."""

    def __init__(
        self, token: str, *, user_id: str, base_url: str, deadline_seconds: float | None = None
    ) -> None:
        self._token = token
        self._user_id = user_id
        self._base_url = base_url.rstrip("/")
        self.declaration = _declaration(account_of("instagram_graph", token), deadline_seconds)

    async def fetch_profile(self, http: httpx.AsyncClient, query: ProfileQuery) -> Page:
        """Also accounts that exist are `not_found` where they are not professional, or hidden from minors."""
        self._refuse_malformed()
        handle = _checked_handle(query)
        answer = await self._ask(http, f"business_discovery.username({handle}){{{FIELDS}}}")
        found = answer.body.get("business_discovery")
        creator = to_creator(found)
        if creator is None:
            message = f"{NAME} sent a profile in a form that is not known."
            raise ProviderError(ErrorKind.GARBAGE, message, final=False, cost=ONE_CALL)
        media = dig(found, "media", "data")
        items = media if isinstance(media, list) else []
        found = gather((creator, to_post(item, creator.stable_id)) for item in items)
        return Page(
            creators=(creator,),
            posts=found.posts,
            next_cursor=None,
            cost=ONE_CALL,
            raw=(answer.raw,),
            skipped=found.skipped,
        )

    async def _ask(self, http: httpx.AsyncClient, fields: str) -> JsonResponse:
        try:
            answer = await get_json(
                http,
                f"{self._base_url}/{self._user_id}",
                provider=NAME,
                params={"fields": fields, "access_token": self._token},
                headers={},
                deadline_seconds=self.declaration.deadline_seconds,
            )
        except ProviderError as error:
            error.cost = ONE_CALL if error.cost.calls else error.cost
            raise
        if answer.status >= httpx.codes.BAD_REQUEST or answer.body.get("error"):
            raise error_of(answer, ONE_CALL)
        return answer

    def _refuse_malformed(self) -> None:
        """Before any call is made with a token or an account that Meta cannot have issued."""
        for value, pattern, variable in (
            (self._token, _TOKEN, KEY_VARIABLE),
            (self._user_id, _USER_ID, USER_VARIABLE),
        ):
            if not pattern.fullmatch(value):
                message = f"What {variable} holds is not what {NAME} issues. Check it."
                raise ProviderError(ErrorKind.AUTH, message, final=True, cost=Cost(calls=0, units=0))


def to_creator(found: object) -> Creator | None:
    graph_id = parsing.identifier(dig(found, "id"))
    if graph_id is None:
        return None
    handle = parsing.handle(dig(found, "username"))
    bio = parsing.text(dig(found, "biography"))
    return Creator(
        platform=Platform.INSTAGRAM,
        stable_id=graph_id,
        handle=handle,
        name=parsing.text(dig(found, "name")),
        bio=bio,
        followers=parsing.count(dig(found, "followers_count")),
        following=parsing.count(dig(found, "follows_count")),
        posts_count=parsing.count(dig(found, "media_count")),
        private=False,  # a professional account cannot be
        avatar_url=parsing.web_address(dig(found, "profile_picture_url")),
        profile_url=f"https://www.instagram.com/{handle}/" if handle else None,
        emails=emails_in(bio),
        links=distinct_links([parsing.link(dig(found, "website")), *links_in(bio)]),
        extra_ids={"graph_id": graph_id},
    )


def to_post(item: object, creator_id: str) -> Post | None:
    """Likes are left out where the account hides them; views are never told."""
    post_id = parsing.identifier(dig(item, "id"))
    if post_id is None:
        return None
    url = parsing.web_address(dig(item, "permalink"))
    caption = parsing.text(dig(item, "caption"))
    code = _SHORT_CODE.search(url or "")
    return Post(
        platform=Platform.INSTAGRAM,
        post_id=post_id,
        creator_id=creator_id,
        text=caption,
        url=url,
        published_at=parsing.moment(dig(item, "timestamp")),
        likes=parsing.count(dig(item, "like_count")),
        comments=parsing.count(dig(item, "comments_count")),
        hashtags=hashtags_in(caption),
        short_code=code[1] if code else None,
    )


def _declaration(account: str, deadline_seconds: float | None) -> Declaration:
    asked = DISCOVERY if deadline_seconds is None else replace(DISCOVERY, deadline_seconds=deadline_seconds)
    return Declaration(
        name="instagram_graph",
        platforms=frozenset({Platform.INSTAGRAM}),
        capabilities=frozenset({Capability.PROFILE}),
        page_size=1,
        cost_per_page=ONE_CALL,
        calls_per_second=CALLS_PER_SECOND,
        policy=PolicyClass(name="meta_platform", keep_days=30, derived_metrics=True, contacts=True),
        stable_id_path=asked.stable_id_path,
        cursor_kind=CursorKind.TOKEN,
        deadline_seconds=asked.deadline_seconds,
        endpoints=(asked,),
        account=account,
    )


def _checked_handle(query: ProfileQuery) -> str:
    """Only what cannot end the argument it is written into."""
    handle, _ = checked_account(query)
    checked_options(query, {})
    if handle is None:
        raise bad_request(f"{NAME} finds accounts by their handle, not by an id.")
    if not _HANDLE.fullmatch(handle):
        raise bad_request("A handle on Instagram has letters, digits, dots and underscores, 30 at most.")
    return handle


def error_of(answer: JsonResponse, cost: Cost) -> ProviderError:
    """The error for an answer whose status, or whose body in spite of its status, says no."""
    kind = _kind_of(answer)
    wait = _seconds_to_wait(answer) if kind is ErrorKind.RATE_LIMITED else None
    return refusal(kind, answer, provider=NAME, variable=KEY_VARIABLE, cost=cost, retry_after=wait)


def _kind_of(answer: JsonResponse) -> ErrorKind:
    """By the code inside; the statuses are nearly always 400."""
    error = answer.body.get("error")
    if parsing.count(dig(error, "error_subcode")) == _NO_SUCH_ACCOUNT:
        return ErrorKind.NOT_FOUND
    code = parsing.count(dig(error, "code"))
    if code in _KIND_OF:
        return _KIND_OF[code]
    return ErrorKind.SERVER if parsing.truth(dig(error, "is_transient")) else kind_of_status(answer.status)


def _seconds_to_wait(answer: JsonResponse) -> float | None:
    """The longest of what the header says in minutes; None where it says nothing."""
    waits = [minutes for minutes in _minutes(answer.headers.get(USAGE_HEADER, "")) if minutes]
    return float(max(waits) * _MINUTE) if waits else None


def _minutes(header: str) -> Iterator[int | None]:
    try:
        usage = json.loads(header)
    except ValueError:
        return
    for entries in usage.values() if isinstance(usage, dict) else ():
        for entry in entries if isinstance(entries, list) else ():
            yield parsing.count(dig(entry, "estimated_time_to_regain_access"))
