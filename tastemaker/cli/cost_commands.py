"""`tastemaker costs show` and `costs budget`: what was spent, and what may be."""

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tastemaker.accounts.service import get_current_user
from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.config_store.declaration import ConfigKey
from tastemaker.config_store.hot_reload import load_configuration
from tastemaker.config_store.keys import INSTALLATION_BUDGET, USER_BUDGET
from tastemaker.config_store.service import set_value
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.core.money import MICROS, dollars, parse_dollars
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.db.transaction import Transaction
from tastemaker.events.names import Source
from tastemaker.events.payloads import AdminAction
from tastemaker.events.service import record
from tastemaker.ratelimit.budget import find_own_budget, find_spent, set_own_budget
from tastemaker.searches.cost_queries import CostGrouping, CostLine, list_costs

NO_LIMIT, AS_EACH = "none", "default"
COLUMNS = (
    Column(title="", least=12, most=60),
    Column(title="Pages", right=True),
    Column(title="Calls", right=True, rank=1),
    Column(title="Units", right=True, rank=2),
    Column(title="Charged", right=True, least=8),
    Column(title="of it failed", right=True, least=8, rank=3),
    Column(title="Maybe charged", right=True, least=8, rank=4),
)


async def show_spent(
    session: Session,
    *,
    by: str,
    user: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Raises InvalidInput."""
    what = _by(by)
    async with session_scope(session.database, SYSTEM) as reading:
        rows = await list_costs(
            reading,
            what,
            user_id=None if user is None else ExternalUserId(user),
            since=_day(since),
            until=_day(until),
            limit=limit,
        )
    if as_json:
        screen.write_json({"by": what.value, "costs": [asdict(row) for row in rows]})
    elif not rows:
        screen.show("No provider was called. The sandbox costs nothing and is in the books with its calls.")
    else:
        show_table(COLUMNS, [_row(row) for row in rows])
        screen.show(f"Charged: {dollars(sum(row.micros_usd for row in rows))}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Amounts as they were typed; `own` is that of `user`."""

    installation: str | None
    per_user: str | None
    user: str | None
    own: str | None


async def show_budgets(session: Session, wanted: Wanted, *, as_json: bool) -> None:
    """Raises InvalidInput, NotFound."""
    if wanted.own is not None and wanted.user is None:
        raise InvalidInput("Say with --user whose budget --own is.")
    user_id = session.user.user_id if wanted.user is None else ExternalUserId(wanted.user)
    async with session_scope(session.database, SYSTEM) as writing:
        await get_current_user(writing, user_id)
        for key, amount in ((INSTALLATION_BUDGET, wanted.installation), (USER_BUDGET, wanted.per_user)):
            if amount is not None:
                await _set(writing, session, key, amount)
        if wanted.own is not None:
            await _set_own(writing, session, user_id, wanted.own)
    config = await load_configuration(session.database)
    async with session_scope(session.database, SYSTEM) as reading:
        spent = await find_spent(reading, user_id)
        own = await find_own_budget(reading, user_id)
    everybody, each = _micros(config[INSTALLATION_BUDGET]), _micros(config[USER_BUDGET])
    budgets = [
        ("installation", "This installation", everybody, spent.everybody),
        ("user", _whose(wanted.user, is_own=own is not None), each if own is None else own, spent.own),
    ]
    if as_json:
        screen.write_json({"budgets": [_budget(whose, *amounts) for whose, _, *amounts in budgets]})
        return
    for _, who, allowed, so_far in budgets:
        limit = "no limit" if allowed < 0 else dollars(allowed)
        screen.show(f"{who}: {dollars(so_far)} spent this month, {limit}.")


async def _set(writing: Transaction, session: Session, key: ConfigKey[Decimal], amount: str) -> None:
    value = Decimal(_typed(amount))
    value = value if value < 0 else value / MICROS
    await set_value(writing, key.name, f"{value:f}", actor=_actor(session))


async def _set_own(writing: Transaction, session: Session, user_id: ExternalUserId, amount: str) -> None:
    """Also told by an event of the user's."""
    before = await find_own_budget(writing, user_id)
    after = None if amount.strip().lower() == AS_EACH else _typed(amount)
    if not await set_own_budget(writing, user_id, after):
        raise NotFound("There is no such user.")
    await record(
        writing,
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


def _whose(user: str | None, *, is_own: bool) -> str:
    who = "you" if user is None else plain(user)
    return f"The budget of {who}" if is_own else f"Each user ({who})"


def _budget(who: str, allowed: int, spent: int) -> dict[str, Any]:
    limit = None if allowed < 0 else allowed
    left = None if limit is None else max(0, limit - spent)
    return {"whose": who, "micros_usd": limit, "spent_micros_usd": spent, "left_micros_usd": left}


def _by(word: str) -> CostGrouping:
    try:
        return CostGrouping(word.strip().lower())
    except ValueError:
        raise InvalidInput(
            f"Costs are summed by {', '.join(CostGrouping)}; {word[:40]!r} is none of them."
        ) from None


def _day(written: str | None) -> date | None:
    if written is None:
        return None
    try:
        return date.fromisoformat(written.strip())
    except ValueError:
        raise InvalidInput(f"{written[:40]!r} is no day, such as 2026-11-01.") from None


def _row(row: CostLine) -> tuple[str, ...]:
    return (
        UNKNOWN if row.name is None else plain(row.name),
        f"{row.pages:,}",
        f"{row.calls:,}",
        f"{row.units:,}",
        dollars(row.micros_usd),
        dollars(row.failed_micros_usd),
        dollars(row.lost_micros_usd + row.open_micros_usd),
    )
