"""What the provider says about itself: its calls, what they cost, how long they may take, its terms."""

from dataclasses import replace

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Capability, Cost, CursorKind, Declaration, Endpoint, PolicyClass

CALL = Cost(calls=1, units=1)  # our own service: it counts its calls and asks for no money
SEARCH = Endpoint(
    name="search",
    path="/creators",
    capability=Capability.KEYWORD_SEARCH,
    cost=CALL,
    deadline_seconds=20.0,
    stable_id_path="results[].account.id",
    page_size=50,
    cursor_kind=CursorKind.PAGE,
)
PROFILE = Endpoint(
    name="profile",
    path="/creator",
    capability=Capability.PROFILE,
    cost=CALL,
    deadline_seconds=10.0,
    stable_id_path="account.id",
)


def declaration(account: str, deadline_seconds: float | None) -> Declaration:
    endpoints = [SEARCH, PROFILE]
    if deadline_seconds is not None:
        endpoints = [replace(one, deadline_seconds=deadline_seconds) for one in endpoints]
    return Declaration(
        name="roster",
        platforms=frozenset({Platform.INSTAGRAM}),
        capabilities=frozenset({Capability.KEYWORD_SEARCH, Capability.PROFILE}),
        page_size=SEARCH.page_size,
        cost_per_page=CALL,
        calls_per_second=10.0,
        policy=PolicyClass(name="our_own_roster", keep_days=None, derived_metrics=True, contacts=True),
        stable_id_path=SEARCH.stable_id_path,
        cursor_kind=CursorKind.PAGE,
        deadline_seconds=endpoints[0].deadline_seconds,
        endpoints=tuple(endpoints),
        account=account,
    )
