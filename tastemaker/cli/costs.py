"""`tastemaker costs …`: what calls to providers cost, what they may cost, and what holds them back."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import typer

from tastemaker.accounts.service import get_current_user
from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import answer, show_table
from tastemaker.cli.options import Json, word_of
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.table import Column
from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.config_store.keys import INSTALLATION_BUDGET, USER_BUDGET
from tastemaker.config_store.service import set_value
from tastemaker.core.display import UNKNOWN, moment
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.core.money import MICROS, dollars, parse_dollars
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import Transaction, transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import AdminAction
from tastemaker.events.service import record
from tastemaker.ratelimit import queries
from tastemaker.ratelimit.budget import find_own_budget, find_spent, set_own_budget
from tastemaker.ratelimit.limiter import Limiter
from tastemaker.ratelimit.queries import UsedQuota
from tastemaker.searches.cost_queries import CostGrouping, CostLine, list_costs

costs_app = group("costs")

NO_LIMIT, AS_EACH = "none", "default"
COST_COLUMNS = (
    Column(title="", least=12, most=60),
    Column(title="Pages", right=True),
    Column(title="Calls", right=True, rank=1),
    Column(title="Units", right=True, rank=2),
    Column(title="Charged", right=True, least=8),
    Column(title="of it failed", right=True, least=8, rank=3),
    Column(title="Maybe charged", right=True, least=8, rank=4),
)

LIMIT_COLUMNS = (
    Column(title="Account", least=12, most=40),
    Column(title="State", least=10, most=60),
    Column(title="Under way", right=True, rank=1),
    Column(title="Failures", right=True, rank=2),
    Column(title="Used today", least=12, most=60, rank=3),
)


@costs_app.command("show")
@with_session
async def show_costs(
    session: Session,
    *,
    by: Annotated[
        str,
        typer.Option("--by", metavar="WHAT", help="provider, user, campaign, search, day or month."),
    ] = "provider",
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Only this user's.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="From this day on (UTC).")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Up to and with this day (UTC).")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """Show what was spent, of the ledger of all calls."""
    what = word_of(CostGrouping, by) or CostGrouping.PROVIDER
    user_id = None if user is None else ExternalUserId(user)
    first, last = _day(since), _day(until)
    async with transaction(session.database, SYSTEM) as tx:
        rows = await list_costs(tx, what, user_id=user_id, since=first, until=last, limit=limit)
    if as_json:
        screen.write_json({"by": what.value, "costs": [asdict(row) for row in rows]})
    elif not rows:
        screen.show("No provider was called.")
    else:
        show_table(COST_COLUMNS, [_cost_row(row) for row in rows])
        screen.show(f"The calls cost {dollars(sum(row.micros_usd for row in rows))}.")


@costs_app.command("budget")
@with_session
async def show_budgets(
    session: Session,
    *,
    installation: Annotated[
        str | None,
        typer.Option("--installation", metavar="USD", help="The monthly budget for all calls."),
    ] = None,
    per_user: Annotated[
        str | None, typer.Option("--per-user", metavar="USD", help="What one user's calls may cost a month.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="Show this user's, or set it with --own.")
    ] = None,
    own: Annotated[
        str | None,
        typer.Option("--own", metavar="USD", help="What this user's may cost; `default` is as each user's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show this month's budgets, or set them; `none` is no limit."""
    if own is not None and user is None:
        raise InvalidInput("Say with --user whose budget --own is.")
    user_id = session.user.user_id if user is None else ExternalUserId(user)
    async with transaction(session.database, SYSTEM) as tx:
        await get_current_user(tx, user_id)
        for key, amount in ((INSTALLATION_BUDGET, installation), (USER_BUDGET, per_user)):
            if amount is not None:
                await _set(tx, session, key, amount)
        if own is not None:
            await _set_own(tx, session, user_id, own)
    await _show_budgets(session, user_id, user, as_json=as_json)


@costs_app.command("limits")
@with_session
async def show_limits(session: Session, *, as_json: Json = False) -> None:
    """Show each account at a provider: pauses, failures, calls under way, quotas."""
    async with transaction(session.database, SYSTEM) as tx:
        gates = await queries.list_limiters(tx)
        quotas = await queries.list_quotas(tx)
    if as_json:
        screen.write_json({"accounts": [_limit_document(gate, _newest(quotas, gate.name)) for gate in gates]})
    elif not gates:
        screen.show("No provider was called live yet.")
    else:
        show_table(LIMIT_COLUMNS, [_limit_row(gate, _newest(quotas, gate.name)) for gate in gates])


@costs_app.command()
@with_session
async def release(
    session: Session,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="As `costs limits` names it.")],
    *,
    as_json: Json = False,
) -> None:
    """End an account's pause now: its credits are there again, or its quota was raised."""
    async with transaction(session.database, SYSTEM) as tx:
        if not await queries.release(tx, account):
            raise NotFound("No account is called that; `tastemaker costs limits` names them.")
    sentence = "Released. Searches that wait continue when their time has come, or with `searches resume`."
    answer({"released": account}, sentence, as_json=as_json)


async def _show_budgets(
    session: Session, user_id: ExternalUserId, named: str | None, *, as_json: bool
) -> None:
    config = await load_configuration(session.database)
    async with transaction(session.database, SYSTEM) as tx:
        spent = await find_spent(tx, user_id)
        own = await find_own_budget(tx, user_id)
    everybody, each = _micros(config[INSTALLATION_BUDGET]), _micros(config[USER_BUDGET])
    budgets = [
        ("installation", everybody, spent.everybody, "This installation has", None),
        (
            "user",
            each if own is None else own,
            spent.own,
            "You have" if named is None else f"{plain(named)} has",
            "This budget is individual." if own is not None else "Each user has this budget.",
        ),
    ]
    if as_json:
        screen.write_json({"budgets": [_budget(whose, *amounts) for whose, *amounts, _, _ in budgets]})
        return
    for _, allowed, so_far, who_has, kind in budgets:
        limit = "" if allowed < 0 else f" of {dollars(allowed)}"
        note = "There is no limit." if allowed < 0 else kind
        screen.show(" ".join(filter(None, (f"{who_has} spent {dollars(so_far)}{limit} this month.", note))))


async def _set(tx: Transaction, session: Session, key: ConfigKey[Decimal], amount: str) -> None:
    value = Decimal(_typed(amount))
    value = value if value < 0 else value / MICROS
    await set_value(tx, key.name, f"{value:f}", actor=_actor(session))


async def _set_own(tx: Transaction, session: Session, user_id: ExternalUserId, amount: str) -> None:
    """Also records an event of the user."""
    before = await find_own_budget(tx, user_id)
    after = None if amount.strip().lower() == AS_EACH else _typed(amount)
    if not await set_own_budget(tx, user_id, after):
        raise NotFound("There is no such user.")
    await record(
        tx,
        AdminAction(action="provider_budget", before={"micros_usd": before}, after={"micros_usd": after}),
        aggregate_id=user_id,
        identifier=str(new_id()),
        source=Source.ADMIN_ACTION,
        tenant_id=user_id,
        metadata={"actor": _actor(session)},
    )


def _actor(session: Session) -> str:
    return f"{session.user.user_id} (command line)"


def _typed(amount: str) -> int:
    """Millionths of a US dollar, -1 for no limit. Raises InvalidInput."""
    return -1 if amount.strip().lower() == NO_LIMIT else parse_dollars(amount)


def _micros(amount: Decimal) -> int:
    return -1 if amount < 0 else int(amount * MICROS)


def _budget(who: str, allowed: int, spent: int) -> dict[str, Any]:
    limit = None if allowed < 0 else allowed
    left = None if limit is None else max(0, limit - spent)
    return {"whose": who, "micros_usd": limit, "spent_micros_usd": spent, "left_micros_usd": left}


def _day(written: str | None) -> date | None:
    if written is None:
        return None
    try:
        return date.fromisoformat(written.strip())
    except ValueError:
        raise InvalidInput(f"{written[:40]!r} is no day, such as 2026-11-01.") from None


def _cost_row(row: CostLine) -> tuple[str, ...]:
    return (
        UNKNOWN if row.name is None else plain(row.name),
        f"{row.pages:,}",
        f"{row.calls:,}",
        f"{row.units:,}",
        dollars(row.micros_usd),
        dollars(row.failed_micros_usd),
        dollars(row.lost_micros_usd + row.open_micros_usd),
    )


def _newest(quotas: Sequence[UsedQuota], gate: str) -> Sequence[UsedQuota]:
    """Of each quota the window that began last."""
    newest: dict[str, UsedQuota] = {}
    for quota in quotas:
        if quota.gate == gate:
            newest.setdefault(quota.quota, quota)
    return list(newest.values())


def _state(gate: Limiter) -> str:
    if gate.held_until and gate.held_until > gate.now:
        return f"waits until {moment(gate.held_until)}: {plain(gate.held_reason or '')}"
    if gate.open_until and gate.open_until > gate.now:
        return f"rests until {moment(gate.open_until)}: {plain(gate.open_reason)}"
    return "one call will try" if gate.open_until else "open"


def _limit_row(gate: Limiter, quotas: Sequence[UsedQuota]) -> tuple[str, ...]:
    used = ", ".join(f"{quota.used:,} {quota.quota}" for quota in quotas)
    return plain(gate.name), _state(gate), str(gate.under_way), str(gate.failures), plain(used)


def _limit_document(gate: Limiter, quotas: Sequence[UsedQuota]) -> dict[str, Any]:
    return {
        "account": gate.name,
        "held_until": gate.held_until and gate.held_until.isoformat(),
        "held_reason": gate.held_reason,
        "failures": gate.failures,
        "open_until": gate.open_until and gate.open_until.isoformat(),
        "under_way": gate.under_way,
        "quotas": [
            {"quota": one.quota, "used": one.used, "since": one.window_start.isoformat()} for one in quotas
        ],
    }
