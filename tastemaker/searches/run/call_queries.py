"""The ledger of a search's calls: a row before each call, settled when it has answered."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from tastemaker.core.ids import new_id
from tastemaker.db.messages import Message, in_one_message
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Cost
from tastemaker.searches.run.queries import RunState

BEGIN_CALL = text("""
    WITH abandoned AS (
        UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
        WHERE tenant_id = :user_id AND run_id = :run_id AND status = 'estimated'
          AND id IS DISTINCT FROM CAST(:unsettled AS uuid)
    ), started AS (
        UPDATE scraping_runs SET status = 'processing', started_at = coalesce(started_at, app_now())
        WHERE id = :run_id AND tenant_id = :user_id AND status = 'pending'
    )
    INSERT INTO provider_calls (id, tenant_id, job_id, run_id, provider, operation, estimated_units,
                                estimated_micros_usd, gate, request_digest, started_at)
    VALUES (:call_id, :user_id, :search_id, :run_id, :provider, 'search_keyword', :units, :micros, :gate,
            :digest, app_now())
""")


ABANDON_CALL = text("""
    UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
    WHERE id = :call_id AND tenant_id = :user_id AND status = 'estimated'
""")


SETTLE_CALL = text("""
    UPDATE provider_calls
    SET status = :status, calls = :calls, units = :units, micros_usd = :micros, error_kind = :error_kind,
        finished_at = app_now()
    WHERE id = :call_id AND tenant_id = :user_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A call about to be made, and what it is expected to cost. `gate`: the account that limits it.

    `digest`: of its question, where the answer is kept for others.
    """

    provider: str
    expected: Cost
    gate: str | None
    digest: bytes | None = None


async def begin_call(
    session: Transaction, state: RunState, call: PlannedCall, *, unsettled: UUID | None = None
) -> UUID:
    """The ledger's row of the page about to be fetched; one left by a dead process is `abandoned`.

    `unsettled`: the call of the page before, which has answered and is being kept.
    """
    async with in_one_message(session) as message:
        return await write_call(message, state, call, unsettled=unsettled)


async def write_call(
    message: Message, state: RunState, call: PlannedCall, *, unsettled: UUID | None = None
) -> UUID:
    """The same, among other statements."""
    call_id = new_id()
    await message.ask(
        BEGIN_CALL,
        {
            "call_id": call_id,
            "user_id": state.user_id,
            "search_id": state.search_id,
            "run_id": state.run_id,
            "provider": call.provider,
            "units": call.expected.units,
            "micros": call.expected.micros_usd,
            "gate": call.gate,
            "digest": call.digest,
            "unsettled": unsettled,
        },
    )
    return call_id


async def settle_call(
    session: Transaction,
    state: RunState,
    call_id: UUID,
    cost: Cost,
    *,
    status: str,
    error_kind: str | None = None,
) -> None:
    await session.execute(
        SETTLE_CALL,
        {
            "call_id": call_id,
            "user_id": state.user_id,
            "status": status,
            "calls": cost.calls,
            "units": cost.units,
            "micros": cost.micros_usd,
            "error_kind": error_kind,
        },
    )


async def abandon_call(session: Transaction, state: RunState, call_id: UUID) -> None:
    """Nobody waits for its answer: it may have been charged, and its page is not kept."""
    await session.execute(ABANDON_CALL, {"user_id": state.user_id, "call_id": call_id})
