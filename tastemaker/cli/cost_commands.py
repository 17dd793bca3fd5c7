"""`tastemaker costs show` and `costs budget`: what was spent, and what may be."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.config_store.declaring import ConfigKey
from tastemaker.config_store.keys import INSTALLATION_BUDGET, USER_BUDGET
from tastemaker.config_store.live import load_configuration
from tastemaker.config_store.service import set_value
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.money import MICROS, dollars, parse_dollars
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.ratelimit.queries import find_spent
from tastemaker.searches.cost_queries import By, Spent, list_spent

NO_LIMIT = "none"
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
        rows = await list_spent(
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


async def show_budgets(
    session: Session, *, installation: str | None, per_user: str | None, as_json: bool
) -> None:
    """Raises InvalidInput."""
    wanted = [(INSTALLATION_BUDGET, installation), (USER_BUDGET, per_user)]
    async with session_scope(session.database, SYSTEM) as writing:
        for key, amount in wanted:
            if amount is not None:
                await _set(writing, session, key, amount)
    config = await load_configuration(session.database)
    async with session_scope(session.database, SYSTEM) as reading:
        spent = await find_spent(reading, session.user.user_id)
    lines = [
        ("installation", config[INSTALLATION_BUDGET], spent.everybody),
        ("user", config[USER_BUDGET], spent.own),
    ]
    if as_json:
        screen.write_json({"budgets": [_budget(*line) for line in lines]})
        return
    for who, (_, allowed, so_far) in zip(("This installation", "Each user (you)"), lines, strict=True):
        limit = "no limit" if allowed < 0 else dollars(int(allowed * MICROS))
        screen.show(f"{who}: {dollars(so_far)} spent this month, {limit}.")


async def _set(writing: AsyncSession, session: Session, key: ConfigKey[Decimal], amount: str) -> None:
    unlimited = amount.strip().lower() == NO_LIMIT
    value = Decimal(-1) if unlimited else Decimal(parse_dollars(amount)) / MICROS
    actor = f"{session.user.user_id} (command line)"
    await set_value(writing, key.name, f"{value:f}", actor=actor)


def _budget(who: str, allowed: Decimal, spent: int) -> dict[str, Any]:
    limit = None if allowed < 0 else int(allowed * MICROS)
    left = None if limit is None else max(0, limit - spent)
    return {"whose": who, "micros_usd": limit, "spent_micros_usd": spent, "left_micros_usd": left}


def _by(word: str) -> By:
    try:
        return By(word.strip().lower())
    except ValueError:
        raise InvalidInput(f"Costs are summed by {', '.join(By)}; {word[:40]!r} is none of them.") from None


def _day(written: str | None) -> date | None:
    if written is None:
        return None
    try:
        return date.fromisoformat(written.strip())
    except ValueError:
        raise InvalidInput(f"{written[:40]!r} is no day, such as 2026-11-01.") from None


def _row(row: Spent) -> tuple[str, ...]:
    return (
        UNKNOWN if row.name is None else plain(row.name),
        f"{row.pages:,}",
        f"{row.calls:,}",
        f"{row.units:,}",
        dollars(row.micros_usd),
        dollars(row.failed_micros_usd),
        dollars(row.lost_micros_usd + row.open_micros_usd),
    )
