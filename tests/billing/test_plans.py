"""Plans are rows that administrators edit; limits hold against fifty at once; features have one gate."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing import plans
from tastemaker.billing.features import find_features, parse_feature
from tastemaker.billing.plan_limits import charge, plan_creators, take_enrichments
from tastemaker.billing.plan_queries import LIST_PERIODS
from tastemaker.billing.tasks import reset_usage
from tastemaker.campaigns.service import create_campaign
from tastemaker.core.errors import Conflict, InvalidInput, LimitReached, NotFound
from tastemaker.core.ids import ExternalUserId, SearchId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction, transaction
from tastemaker.jobs.schedules import Nothing
from tests.billing.test_periods import at, context, owner_says, signed_up
from tests.web.conftest import app_over, make_key, served
from tests.web.visitors import somebody_else

NOBODY = ExternalUserId("nobody")


async def system(database: Database, verb: Callable[..., Any], *given: object, **named: object) -> Any:  # noqa: ANN401 - what the verb returns
    return await in_transaction(database, SYSTEM, lambda tx: verb(tx, *given, actor="local", **named))


def events(admin_url: str, kind: str) -> list[Any]:
    return [
        row[0]
        for row in owner_says(
            admin_url, "SELECT event_data FROM events WHERE event_type = %s ORDER BY seq", kind
        )
    ]


async def test_a_plan_is_made_changed_and_put_away_with_an_event_each(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    made = await system(
        database, plans.set_plan, "team", {"monthly_price": 5000, "features": {"seats": 5}}, reason="asked"
    )
    assert (made.display_name, made.campaigns_limit, made.features) == ("Team", 0, {"seats": 5})
    await system(database, plans.set_plan, "team", {"campaigns_limit": -1, "features": {"apiAccess": True}})
    same = await system(database, plans.set_plan, "team", {"campaigns_limit": -1})
    assert same.features == {"seats": 5, "apiAccess": True}
    await system(database, plans.deactivate_plan, "team")
    told = events(admin_url, "plan_changed")
    assert len(told) == 3
    assert told[0]["before"] is None
    assert told[1]["before"]["campaigns_limit"] == 0
    assert told[2]["after"] == {"is_active": False}
    for wrong in ({"campaigns_limit": -2}, {"monthly_price": -1}, {"features": {"seats": -2}},
                  {"features": {"platforms": ["Vine"]}}, {"features": {"sea": 1}}):  # fmt: skip
        with pytest.raises(InvalidInput):
            await system(database, plans.set_plan, "team", wrong)
    with pytest.raises(Conflict):
        await system(database, plans.assign_plan, user.user_id, "team")
    with pytest.raises(Conflict):
        await system(database, plans.deactivate_plan, "free")
    with pytest.raises(NotFound):
        await system(database, plans.assign_plan, NOBODY, "free")
    with pytest.raises(InvalidInput):
        parse_feature("seats")


async def test_a_given_plan_and_own_limits_hold_until_they_are_taken_back(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    given = await system(database, plans.assign_plan, user.user_id, "glow_up", reason="a friend")
    assert (given.plan, given.granted) == ("glow_up", "glow_up")
    wanted = plans.Overrides(5, None, {"exportFormats": ["JSON"], "seats": 2})
    await system(database, plans.override_plan, user.user_id, wanted)
    async with transaction(database, user.claim) as tx:
        features = await find_features(tx, user.user_id)
    assert features.export_formats == {"JSON"}
    assert features.platforms == {"TikTok", "Instagram", "YouTube"}
    assert features.shows_emails
    features.refuse_platform(Platform.TIKTOK)
    features.refuse_seat(1)
    for refused in (features.refuse_api, partial(features.refuse_seat, 2)):
        with pytest.raises(LimitReached):
            refused()
    left = await system(database, plans.revoke_plan, user.user_id)
    assert (left.plan, left.granted, left.campaigns_limit) == ("self_hosted", None, 5)
    acts = events(admin_url, "admin_action")
    assert [act["action"] for act in acts] == ["plan_granted", "limits_changed", "plan_revoked"]
    assert acts[0]["before"] == {"plan": "self_hosted", "granted": None}
    facts = events(admin_url, "subscription_updated")
    assert [fact["plan"] for fact in facts] == ["glow_up", "self_hosted"]


@pytest.mark.parametrize(
    ("own", "made"), [(3, 3), (None, 3), (0, 0), (-1, 50)], ids=["three", "the plan's", "none", "unlimited"]
)
async def test_fifty_campaigns_at_once_are_as_many_as_the_plan_has(
    database: Database, admin_url: str, own: int | None, made: int
) -> None:
    user = await somebody_else(database)
    await system(database, plans.assign_plan, user.user_id, "glow_up")
    if own is not None:
        await system(database, plans.override_plan, user.user_id, plans.Overrides(own, None, {}))

    async def create(number: int) -> bool:
        try:
            await in_transaction(
                database, user.claim, partial(create_campaign, user=user, name=f"Campaign {number}")
            )
        except LimitReached:
            return False
        return True

    assert sum(await asyncio.gather(*map(create, range(50)))) == made
    counted = owner_says(admin_url, "SELECT usage_campaigns_current FROM user_usage WHERE tenant_id = 'bob'")
    assert counted == [(made,)]
    told = events(admin_url, "usage_threshold_reached")
    assert [(one["percent"], one["used"]) for one in told] == ([(80, 3), (100, 3)] if made == 3 else [])


async def test_fifty_requests_with_one_key_make_one_campaign(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    key = await make_key(database, user)
    await system(database, plans.override_plan, user.user_id, plans.Overrides(3, None, {"apiAccess": True}))
    async with served(app_over(database)) as url:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "one"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
            sent = (http.post("/api/v1/campaigns", json={"name": "Chess"}) for _ in range(50))
            answers = await asyncio.gather(*sent)
    made = {one.json()["id"] for one in answers if one.status_code == 201}
    assert len(made) == 1
    assert {one.status_code for one in answers} <= {201, 409}
    assert owner_says(admin_url, "SELECT usage_campaigns_current FROM user_usage") == [(1,)]


async def test_creators_and_enrichments_are_granted_in_part_and_told_at_80_and_100_per_cent(
    database: Database, admin_url: str
) -> None:
    user = await somebody_else(database)
    await system(database, plans.assign_plan, user.user_id, "glow_up")
    wanted = plans.Overrides(None, 10, {"enrichmentsPerMonth": 5})
    await system(database, plans.override_plan, user.user_id, wanted)

    async def spend(tx: Transaction, first: int, last: int) -> int:
        names = [f"c{number}" for number in range(first, last)]
        planned = await plan_creators(tx, user.user_id, platform="TikTok", stable_ids=names)
        await charge(tx, user.user_id, planned, search_id=SearchId(new_id()))
        return len(planned.allowed)

    async def enrich(_: int) -> int:
        return await in_transaction(
            database, user.claim, partial(take_enrichments, user_id=user.user_id, wanted=2)
        )

    counts = []
    for first, last in ((0, 7), (5, 9), (7, 20), (20, 25)):
        async with transaction(database, user.claim) as tx:
            counts.append(await spend(tx, first, last))
    assert counts == [7, 4, 3, 0]
    told = [(one["percent"], one["used"]) for one in events(admin_url, "usage_threshold_reached")]
    assert told == [(80, 9), (100, 10)]
    assert sorted(await asyncio.gather(*map(enrich, range(4)))) == [0, 1, 2, 2]
    direct = owner_says(admin_url, "SELECT charge_creators('bob', 'TikTok', ARRAY['c1', 'new'], NULL)")
    assert direct == [(0,)], "the statement itself knows the limit"


async def test_a_period_that_is_over_is_history(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    signed_up(admin_url, "2026-01-31 10:00:00", used=7)
    at(admin_url, "2026-02-28 10:00:01")
    for _ in range(2):
        await reset_usage(context(database), Nothing())
    async with transaction(database, user.claim) as tx:
        (past,) = await tx.many(LIST_PERIODS, user_id=user.user_id, limit=12)
    assert (past.period_start, past.period_end) == (
        datetime(2026, 1, 31, 10, tzinfo=UTC),
        datetime(2026, 2, 28, 10, tzinfo=UTC),
    )
    assert (past.plan, past.creators, past.creators_limit) == ("self_hosted", 7, -1)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE subscription_plans SET creators_limit = -2",
        "UPDATE subscription_plans SET yearly_price = -1",
        "UPDATE subscription_plans SET features = '[]'",
        "UPDATE user_usage SET plan_campaigns_limit = -2",
        "INSERT INTO user_billing (user_id, card_exp_month) SELECT id, 99 FROM users",
        "UPDATE user_subscriptions SET trial_start_date = now(), trial_end_date = now() - interval '1 day'",
    ],
)
async def test_the_database_refuses_what_no_plan_or_card_can_be(
    user: CurrentUser, admin_url: str, change: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        owner_says(admin_url, change)
