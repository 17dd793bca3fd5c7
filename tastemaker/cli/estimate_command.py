"""`tastemaker search --estimate`: what a search will probably cost. Nothing is asked for."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.session import Session
from tastemaker.cli.sources import Choice, declarations
from tastemaker.cli.table import Column
from tastemaker.core.money import dollars
from tastemaker.db.engine import session_scope
from tastemaker.searches.cost_estimate import CostEstimate, estimate_cost
from tastemaker.searches.types import SANDBOX, SearchRequest

COLUMNS = (
    Column(title="Platform", least=9),
    Column(title="Pages", right=True),
    Column(title="of them paid", right=True, rank=2),
    Column(title="Calls", right=True),
    Column(title="Units", right=True, rank=1),
    Column(title="Cost", right=True, least=8),
)


async def show_estimate(
    session: Session, choice: Choice, requests: Sequence[SearchRequest], *, as_json: bool
) -> None:
    declared = await declarations(session, choice)
    async with session_scope(session.database, session.user.claim) as reading:
        found = [
            await estimate_cost(reading, session.user.user_id, request, declared[request.platform])
            for request in requests
        ]
    total = sum(one.micros_usd for one in found)
    is_free = choice.source == SANDBOX
    if as_json:
        screen.write_json(
            {
                "source": choice.source,
                "estimates": [_document(one) for one in found],
                "micros_usd": 0 if is_free else total,
            }
        )
        return
    show_table(COLUMNS, [_row(one) for one in found])
    if is_free:
        screen.show(f"The sandbox costs nothing; live it would be about {dollars(total)}.")
    else:
        screen.show(f"About {dollars(total)}. Nothing was asked for.")


def _row(one: CostEstimate) -> tuple[str, ...]:
    return (
        one.platform.value,
        f"{one.pages:,}",
        f"{one.paid:,}",
        f"{one.calls:,}",
        f"{one.units:,}",
        dollars(one.micros_usd),
    )


def _document(one: CostEstimate) -> dict[str, Any]:
    return {**asdict(one), "platform": one.platform.value}
