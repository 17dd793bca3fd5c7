"""The ledger of a search's provider calls: a row before each call, settled when it has answered."""

from dataclasses import dataclass
from uuid import UUID

from tastemaker.core.ids import new_id
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction
from tastemaker.providers.base import Cost
from tastemaker.searches.run.queries import RunState

BEGIN_CALL = statement("""
    WITH abandoned AS (
        UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
        WHERE tenant_id = %(user_id)s AND run_id = %(run_id)s AND status = 'estimated'
          AND id IS DISTINCT FROM CAST(%(unsettled)s AS uuid)
    ), started AS (
        UPDATE scraping_runs SET status = 'processing', started_at = coalesce(started_at, app_now())
        WHERE id = %(run_id)s AND tenant_id = %(user_id)s AND status = 'pending'
    )
    INSERT INTO provider_calls (id, tenant_id, job_id, run_id, provider, operation, estimated_units,
                                estimated_micros_usd, gate, request_digest, started_at)
    VALUES (%(call_id)s, %(user_id)s, %(search_id)s, %(run_id)s, %(provider)s, 'search_keyword', %(units)s,
            %(micros_usd)s, %(account)s, %(digest)s, app_now())
""")

ABANDON_CALL = statement("""
    UPDATE provider_calls SET status = 'abandoned', finished_at = app_now()
    WHERE id = %(call_id)s AND tenant_id = %(user_id)s AND status = 'estimated'
""")

SETTLE_CALL = statement("""
    UPDATE provider_calls
    SET status = %(status)s, calls = %(calls)s, units = %(units)s, micros_usd = %(micros_usd)s,
        error_kind = %(error_kind)s, finished_at = app_now()
    WHERE id = %(call_id)s AND tenant_id = %(user_id)s
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A call about to be made, and its expected cost. `account`: the one whose limits it uses.

    `digest`: of its request, where the answer is kept for others.
    """

    provider: str
    expected: Cost
    account: str | None
    digest: bytes | None = None


async def begin_call(
    tx: Transaction, run: RunState, call: PlannedCall, *, unsettled: UUID | None = None
) -> UUID:
    """The ledger's row of the next page; a row that a dead process left is `abandoned`.

    `unsettled`: the call of the page before, which has answered and is not committed yet.
    """
    call_id = new_id()
    await tx.run(
        BEGIN_CALL,
        call_id=call_id,
        user_id=run.user_id,
        search_id=run.search_id,
        run_id=run.run_id,
        provider=call.provider,
        units=call.expected.units,
        micros_usd=call.expected.micros_usd,
        account=call.account,
        digest=call.digest,
        unsettled=unsettled,
    )
    return call_id


async def settle_call(
    tx: Transaction,
    run: RunState,
    call_id: UUID,
    cost: Cost,
    *,
    status: str,
    error_kind: str | None = None,
) -> None:
    await tx.run(
        SETTLE_CALL,
        call_id=call_id,
        user_id=run.user_id,
        status=status,
        calls=cost.calls,
        units=cost.units,
        micros_usd=cost.micros_usd,
        error_kind=error_kind,
    )


async def abandon_call(tx: Transaction, run: RunState, call_id: UUID) -> None:
    """Its answer is dropped: it may have been charged, and its page is not committed."""
    await tx.run(ABANDON_CALL, call_id=call_id, user_id=run.user_id)
