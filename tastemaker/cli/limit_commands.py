"""`tastemaker costs limits` and `costs release`: what holds calls to providers back."""

from collections.abc import Mapping, Sequence
from typing import Any

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session
from tastemaker.cli.table import Column
from tastemaker.core.errors import NotFound
from tastemaker.db.claims import SYSTEM
from tastemaker.db.engine import session_scope
from tastemaker.ratelimit import queries
from tastemaker.ratelimit.limiter import Limiter

COLUMNS = (
    Column(title="Account", least=12, most=40),
    Column(title="State", least=10, most=60),
    Column(title="Under way", right=True, rank=1),
    Column(title="Failures", right=True, rank=2),
    Column(title="Used today", least=12, most=60, rank=3),
)


async def show_limits(session: Session, *, as_json: bool) -> None:
    async with session_scope(session.database, SYSTEM) as reading:
        gates = await queries.list_limiters(reading)
        quotas = await queries.list_quotas(reading)
    if as_json:
        screen.write_json({"accounts": [_document(gate, _newest(quotas, gate.name)) for gate in gates]})
    elif not gates:
        screen.show("No provider was called live yet.")
    else:
        show_table(COLUMNS, [_row(gate, _newest(quotas, gate.name)) for gate in gates])


async def release(session: Session, account: str, *, as_json: bool) -> None:
    """Raises NotFound."""
    async with session_scope(session.database, SYSTEM) as writing:
        if not await queries.release(writing, account):
            raise NotFound("No account is called that; `tastemaker costs limits` names them.")
    if as_json:
        screen.write_json({"released": account})
    else:
        screen.show("Released. Searches that wait go on when their time has come, or with `searches resume`.")


def _newest(quotas: Sequence[Mapping[str, Any]], gate: str) -> Sequence[Mapping[str, Any]]:
    """Of each quota the window that began last."""
    newest: dict[str, Mapping[str, Any]] = {}
    for quota in quotas:
        if quota["gate"] == gate:
            newest.setdefault(quota["quota"], quota)
    return list(newest.values())


def _state(gate: Limiter) -> str:
    if gate.held_until and gate.held_until > gate.now:
        return f"waits until {moment(gate.held_until)}: {plain(gate.held_reason or '')}"
    if gate.open_until and gate.open_until > gate.now:
        return f"rests until {moment(gate.open_until)}: {plain(gate.open_reason)}"
    return "one call will try" if gate.open_until else "open"


def _row(gate: Limiter, quotas: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    used = ", ".join(f"{quota['used']:,} {quota['quota']}" for quota in quotas)
    return plain(gate.name), _state(gate), str(gate.under_way), str(gate.failures), plain(used)


def _document(gate: Limiter, quotas: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "account": gate.name,
        "held_until": gate.held_until and gate.held_until.isoformat(),
        "held_reason": gate.held_reason,
        "failures": gate.failures,
        "open_until": gate.open_until and gate.open_until.isoformat(),
        "under_way": gate.under_way,
        "quotas": [
            {"quota": one["quota"], "used": one["used"], "since": one["window_start"].isoformat()}
            for one in quotas
        ],
    }
