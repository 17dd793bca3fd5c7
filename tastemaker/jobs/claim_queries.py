"""Which jobs a worker takes: ready ones, the most urgent first, in turn between users.

What waits for its time or for a worker that knows its type (`waits_for`) stands outside the indexes used
here; `maintain` moves it in and out. The order ends with `id` so that no other index can serve it. Each
statement is one round trip; times are the database's (`app_now()`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import JobStatus
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import Transaction, write_together
from tastemaker.jobs.queries import SUCCESSOR_WAITS
from tastemaker.jobs.types import ClaimedJob

MOST_TENANTS = 500
"""How many tenants with ready jobs one turn of the round looks at."""

MOST_MOVED = 1000
"""How many jobs one statement moves into the ready ones, or out of them."""

HEARTBEAT_CLASS = 1413829453
"""First key of the advisory locks by which workers show that they are alive."""

LOST = "The worker died while it held the job."
SUSPICIOUS_FROM = 2
"""After so many workers died with a job in their hands it may be what kills them: no two of such run at once,
so that what merely stood beside it gets through."""

SUSPECT_LOCK = 7166183945710401357
"""Held by a claim that takes one of them, until others can see that it did."""

MORE_AFTER_A_LOSS = 2
"""A lost worker is held against a job that much later than a failure: it may be another's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RescuedJob(ClaimedJob):
    """What a dead worker held, and what has become of it."""

    status: JobStatus
    error: str | None


_NOW = "(SELECT app_now())"
"""Once a statement: the function looks something up, so PostgreSQL would call it for each row."""

_SUSPECT = f"(job.retry_count >= {SUSPICIOUS_FROM} AND job.error = '{LOST}')"

_READY = f"""status = 'pending' AND waits_for IS NULL AND scheduled_for <= {_NOW}
              AND job_type = ANY(%(job_types)s)
              AND (CAST(%(only)s AS text[]) IS NULL OR correlation_id = ANY(CAST(%(only)s AS text[])))
              AND (lock_key IS NULL OR NOT EXISTS (
                  SELECT FROM background_jobs held
                  WHERE held.status = 'processing' AND held.lock_key = job.lock_key))
              AND (NOT coalesce({_SUSPECT}, false) OR (NOT EXISTS (
                  SELECT FROM background_jobs held
                  WHERE held.status = 'processing' AND held.retry_count >= {SUSPICIOUS_FROM}
                    AND held.error = '{LOST}') AND pg_try_advisory_xact_lock({SUSPECT_LOCK})))"""  # noqa: S608 - of this module's own words

_ALONE = f"CASE WHEN {_SUSPECT} THEN '' ELSE job.id::text END AS alone"

_TENANT = "CASE WHEN {0}tenant_id IS NULL THEN '' ELSE {0}tenant_id END"
"""As its index has it. Not coalesce, which row-level security lets no index condition contain."""

_TAKE = """, free AS (
        SELECT DISTINCT ON (alone) id
        FROM (SELECT DISTINCT ON (coalesce(lock_key, id::text)) id, alone FROM chosen) one
    )
    UPDATE background_jobs job
    SET status = 'processing', attempt = job.attempt + 1, worker = %(worker)s,
        started_at = (SELECT app_now()), updated_at = (SELECT app_now()),
        lease_until = (SELECT app_now()) + make_interval(secs => %(lease)s)
    WHERE job.id = ANY(ARRAY(SELECT id FROM free))
    RETURNING job.id, job.job_type, job.payload, job.attempt, job.retry_count, job.max_retries,
              job.tenant_id, job.correlation_id
"""

CLAIM = statement(
    f"""
    WITH chosen AS (
        SELECT id, lock_key, {_ALONE} FROM background_jobs job
        WHERE {_READY}
        ORDER BY priority, scheduled_for, id
        LIMIT %(batch)s
        FOR UPDATE OF job SKIP LOCKED
    ){_TAKE}""",  # noqa: S608 - of this module's own words
    ClaimedJob,
)

CLAIM_FAIRLY = statement(
    f"""
    WITH RECURSIVE level AS (
        SELECT priority FROM background_jobs job WHERE {_READY}
        ORDER BY priority, scheduled_for, id LIMIT 1
    ), waiting AS (
        (SELECT {_TENANT.format("")} AS tenant FROM background_jobs
         WHERE status = 'pending' AND waits_for IS NULL AND priority = (SELECT priority FROM level)
           AND {_TENANT.format("")} >= %(from)s
         ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT {_TENANT.format("later.")} FROM background_jobs later
                WHERE later.status = 'pending' AND later.waits_for IS NULL
                  AND later.priority = (SELECT priority FROM level)
                  AND {_TENANT.format("later.")} > waiting.tenant
                ORDER BY 1 LIMIT 1)
        FROM waiting WHERE waiting.tenant IS NOT NULL
    ), few AS (
        SELECT tenant FROM waiting
        WHERE tenant <> ALL(CAST(%(served)s AS text[])) AND tenant IS DISTINCT FROM CAST(%(behind)s AS text)
        LIMIT {MOST_TENANTS}
    ), chosen AS (
        SELECT turn.id, turn.lock_key, turn.alone FROM few CROSS JOIN LATERAL (
            SELECT id, lock_key, {_ALONE} FROM background_jobs job
            WHERE {_READY} AND priority = (SELECT priority FROM level)
              AND {_TENANT.format("")} = few.tenant
            ORDER BY scheduled_for
            LIMIT 1
            FOR UPDATE OF job SKIP LOCKED
        ) turn
        LIMIT %(batch)s
    ){_TAKE}""",  # noqa: S608 - of this module's own words
    ClaimedJob,
)
"""One job each of the tenants that come next in the round and have not had their share.

The round stays within the most urgent priority that has a ready job: fairness is among equals. Jobs of no
tenant are one tenant more, named ''.
"""

RESCUE = statement(
    f"""
    WITH lost AS (
        SELECT job.id, job.dedupe_key, job.retry_count >= job.max_retries + {MORE_AFTER_A_LOSS} AS is_spent
        FROM background_jobs job
        WHERE job.status = 'processing' AND job.job_type = ANY(%(job_types)s)
          AND (CAST(%(of)s AS text) IS NULL OR job.correlation_id = %(of)s) AND (
            job.lease_until < app_now()
            OR (job.lease_until < app_now()
                + make_interval(secs => CAST(%(lease)s AS float8) - CAST(%(grace)s AS float8))
                AND job.worker IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pg_locks held
                    WHERE held.locktype = 'advisory' AND held.classid = %(heartbeat_class)s
                      AND held.objsubid = 2
                      AND held.objid::bigint = hashtext(job.worker)::bigint & 4294967295
                      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database()))))
        FOR UPDATE SKIP LOCKED
    ), placed AS (
        SELECT id, is_spent,
               row_number() OVER (PARTITION BY coalesce(dedupe_key, id::text) ORDER BY is_spent, id) AS place
        FROM lost
    )
    UPDATE background_jobs job
    SET retry_count = retry_count + 1, lease_until = NULL, worker = NULL,
        error = '{LOST}', scheduled_for = app_now(), waits_for = NULL,
        status = CASE WHEN is_spent THEN 'failed'
                      WHEN place > 1 OR {SUCCESSOR_WAITS} THEN 'cancelled' ELSE 'pending' END,
        failed_at = CASE WHEN is_spent THEN app_now() END
    FROM placed WHERE job.id = placed.id
    RETURNING job.id, job.job_type, job.status, job.payload, job.attempt, job.retry_count, job.max_retries,
              job.tenant_id, job.correlation_id, job.error
""",  # noqa: S608 - of this module's own words
    RescuedJob,
)

PROMOTE = statement(
    f"""
    UPDATE background_jobs SET waits_for = NULL
    WHERE id = ANY(ARRAY(
        SELECT id FROM background_jobs
        WHERE status = 'pending' AND waits_for = 'time'
          AND scheduled_for <= (SELECT timezone('UTC', app_now()))
        ORDER BY scheduled_for LIMIT {MOST_MOVED}
        FOR UPDATE SKIP LOCKED))
""",  # noqa: S608 - of this module's own words
)
"""Compared as a `timestamp`: an index condition may not hold what row-level security does not trust."""

PARK = statement(
    f"""
    UPDATE background_jobs job SET waits_for = 'worker'
    WHERE job.id = ANY(ARRAY(
        SELECT id FROM (SELECT id, job_type FROM background_jobs
                        WHERE status = 'pending' AND waits_for IS NULL
                        ORDER BY priority, scheduled_for, id LIMIT {MOST_MOVED}) first
        WHERE job_type <> ALL(%(known)s)))
      AND job.status = 'pending' AND job.waits_for IS NULL
    RETURNING job.job_type
""",  # noqa: S608 - of this module's own words
    str,
)
"""Locks only what it parks: a claim beside it passes over nothing that is ready. By an array: a join reads
the front once for each job where nobody has analysed the table yet, ten seconds for 10,000."""

UNPARK = statement(
    """
    UPDATE background_jobs SET waits_for = CASE WHEN scheduled_for > app_now() THEN 'time' END
    WHERE status = 'pending' AND waits_for = 'worker' AND job_type = ANY(%(known)s)
""",
)


async def claim(
    database: Database,
    *,
    worker: str | None,
    job_types: Sequence[str],
    batch: int,
    lease: float,
    only: Collection[str] | None = None,
) -> list[ClaimedJob]:
    """Take up to `batch` ready jobs, most urgent first, in one round trip; an attempt before anything runs.

    `worker` is the name under which it shows its presence; without one only the lease tells of its death.
    `only`: the correlation ids whose jobs may be taken; None is every one.
    """
    asked = claim_parameters(worker, job_types, batch, lease, only)
    jobs: list[ClaimedJob]
    (jobs,) = await write_together(database, SYSTEM, (CLAIM, asked))
    return jobs


def claim_parameters(
    worker: str | None,
    job_types: Sequence[str],
    batch: int,
    lease: float,
    only: Collection[str] | None = None,
) -> dict[str, Any]:
    """The parameters of CLAIM."""
    return {
        "worker": worker,
        "job_types": list(job_types),
        "batch": batch,
        "lease": lease,
        "only": None if only is None else list(only),
    }


def fair_parameters(
    asked: Mapping[str, Any], *, served: Collection[str], after: str | None
) -> dict[str, Any]:
    """The parameters of CLAIM_FAIRLY: of tenants that are not `served` already, behind `after` in the round.

    None is the round's start.
    """
    return {**asked, "served": list(served), "from": after or "", "behind": after}


async def rescue(
    tx: Transaction,
    *,
    job_types: Sequence[str],
    lease: float,
    grace: float,
    correlation_id: str | None = None,
) -> list[RescuedJob]:
    """Hand back what dead workers hold: their lease ran out, or they have shown no presence for `grace`.

    Only of types that the caller knows: a job that is given up must call its type's `given_up`.
    """
    return await tx.many(
        RESCUE,
        job_types=list(job_types),
        lease=lease,
        grace=grace,
        heartbeat_class=HEARTBEAT_CLASS,
        of=correlation_id,
    )


async def promote(tx: Transaction) -> None:
    """What waited for its time and need not any more is ready."""
    await tx.run(PROMOTE)


async def park(tx: Transaction, known: Collection[str]) -> list[str]:
    """Set aside what stands in front and is of a type that nobody here knows: its types, one for each job."""
    return await tx.many(PARK, known=list(known))


async def unpark(tx: Transaction, known: Collection[str]) -> None:
    """Take back what is known here."""
    await tx.run(UNPARK, known=list(known))
