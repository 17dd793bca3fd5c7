"""How each of the original's tables is copied; users and pages of creators have modules of their own.

A copy is one statement for each batch of a numbered queue. Unfinished work is not continued: its searches
end as `timeout`, its jobs and events become dead letters, which an operator can look at and replay. An
adoption sends and fetches nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from psycopg import Connection, sql

from tastemaker.adopt.ledger_queries import Counts

_QUEUE: Final = """
CREATE TABLE adoption_queue_{name} AS
SELECT row_number() OVER (ORDER BY {order}) AS n, s.id FROM source_{name} s;
ALTER TABLE adoption_queue_{name} ADD PRIMARY KEY (n);
ANALYZE adoption_queue_{name};
"""

_BATCH: Final = """
WITH batch AS MATERIALIZED (
    SELECT q.n, s.id::text AS row_id, {reason} AS reason, {notes}, {columns}
    FROM adoption_queue_{name} q JOIN source_{name} s ON s.id = q.id {joins}
    WHERE q.n > %(after)s AND q.n <= %(upto)s
), written AS (
    INSERT INTO public.{name} ({targets}) SELECT {targets} FROM batch WHERE reason IS NULL ORDER BY n
    ON CONFLICT DO NOTHING RETURNING id
), rejected AS (
    INSERT INTO adoption_rejected (table_name, row_id, reason)
    SELECT '{name}', left(row_id, 200), reason FROM batch WHERE reason IS NOT NULL
    UNION ALL
    SELECT '{name}', left(b.row_id, 200), {twice} FROM batch b
    WHERE b.reason IS NULL AND NOT EXISTS (SELECT FROM written w WHERE w.id = b.id)
    RETURNING reason
) {also}
SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM written),
       (SELECT jsonb_object_agg(reason, rows) FROM (SELECT reason, count(*) AS rows
           FROM rejected GROUP BY 1) r),
       (SELECT jsonb_strip_nulls(jsonb_build_object({counted})) FROM batch WHERE reason IS NULL)
"""

_WORD: Final = """
    LEFT JOIN adoption_words w_{name} ON w_{name}.field = '{field}'
        AND w_{name}.digest = md5(coalesce(s.{name}, ''))
"""

ADOPTED_TWICE: Final = "an id or a key that another row had"

_INTERRUPTED: Final = "'The search was under way when the database was adopted.'"

_UNFINISHED: Final = "'Not finished when the database was adopted.'"

_LONGEST_INDEXED: Final = 600
"""Characters of a text that stands in a B-tree: four bytes each still fit into an index row."""

_MADE: Final = "coalesce(s.created_at, s.updated_at, %(moment)s)"

_CHANGED: Final = "coalesce(s.updated_at, s.created_at, %(moment)s)"

_TIMES: Final = {"created_at": _MADE, "updated_at": _CHANGED}

_PERSON: Final = "LEFT JOIN adoption_people p ON p.user_id = s.user_id"

_OWN_CAMPAIGN: Final = "LEFT JOIN public.campaigns c ON c.id = s.campaign_id"

ADOPTED_SEARCHES: Final = "Adopted searches"
"""The campaign of a user's searches that stood in the campaign of another user."""

ADOPTED_CAMPAIGN: Final = "md5('adopted searches ' || s.user_id)::uuid"

_NOBODYS: Final = "WHEN p.user_id IS NULL THEN 'its owner has no user'"

_KEYWORDS: Final = """CASE jsonb_typeof(s.keywords)
    WHEN 'array' THEN (SELECT jsonb_agg(btrim(k #>> '{{}}')) FROM jsonb_array_elements(s.keywords) k
                       WHERE jsonb_typeof(k) IN ('string', 'number') AND btrim(k #>> '{{}}') <> '')
    WHEN 'string' THEN jsonb_build_array(s.keywords #>> '{{}}') END""".replace("{{}}", "{}")

_KEY: Final = f"""CASE WHEN coalesce(s.idempotency_key, '') = '' THEN 'adopted_' || s.id
    WHEN length(s.idempotency_key) > {_LONGEST_INDEXED} THEN left(s.idempotency_key, 500)
        || md5(s.idempotency_key)
    ELSE s.idempotency_key END"""

_EVENT_WORDS: Final = """jsonb_strip_nulls(jsonb_build_object(
    'aggregate_type', CASE WHEN s.aggregate_type IS DISTINCT FROM w_aggregate_type.mapped
                           THEN left(s.aggregate_type, 200) END,
    'source_system', CASE WHEN s.source_system IS DISTINCT FROM w_source_system.mapped
                          THEN left(s.source_system, 200) END))"""

_UUID: Final = "'^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One table. In expressions `s` is the source row; `w_<column>` is the word it holds, mapped.

    `reason` says why a row stays behind, NULL for most; `notes` are conditions that are worth counting.
    `also` is one more part of the statement, which may read `batch`.
    """

    name: str
    columns: Mapping[str, str]
    order: str = "s.created_at, s.id"
    words: Mapping[str, str] = field(default_factory=dict)
    joins: str = ""
    reason: str = "NULL::text"
    notes: Mapping[str, str] = field(default_factory=dict)
    also: str = ""


def bounded(column: str, default: str = "0") -> str:
    """A whole number that the column can hold and that is not negative."""
    return f"least(greatest(coalesce({column}, {default}), 0), 2147483647)::integer"


CAMPAIGNS: Final = Copy(
    name="campaigns",
    words={"search_type": "campaigns.search_type", "status": "campaigns.status"},
    joins=_PERSON,
    reason=f"CASE {_NOBODYS} END",
    columns={
        "id": "s.id",
        "user_id": "s.user_id",
        "name": "coalesce(s.name, '')",
        "description": "s.description",
        "search_type": "w_search_type.mapped",
        "status": """CASE WHEN w_status.mapped IN ('draft', 'active')
                               AND EXISTS (SELECT FROM source_scraping_jobs j WHERE j.campaign_id = s.id)
                          THEN 'completed' ELSE w_status.mapped END""",
        **_TIMES,
    },
    notes={
        "drafts with searches, which have ended: completed": """w_status.mapped IN ('draft', 'active')
            AND EXISTS (SELECT FROM source_scraping_jobs j WHERE j.campaign_id = s.id)""",
    },
)

SCRAPING_JOBS: Final = Copy(
    name="scraping_jobs",
    words={"status": "scraping_jobs.status", "platform": "scraping_jobs.platform"},
    joins=f"{_PERSON} {_OWN_CAMPAIGN}",
    reason=f"CASE {_NOBODYS} WHEN w_platform.mapped IS NULL THEN 'unknown platform' END",
    columns={
        "id": "s.id",
        "user_id": "s.user_id",
        "campaign_id": f"CASE WHEN c.user_id <> s.user_id THEN {ADOPTED_CAMPAIGN} ELSE c.id END",
        "status": "w_status.mapped",
        "keywords": _KEYWORDS,
        "target_username": "s.target_username",
        "platform": "w_platform.mapped",
        "search_params": """CASE WHEN jsonb_typeof(s.search_params) <> 'object'
                                 THEN jsonb_build_object('adopted', s.search_params)
                                 ELSE s.search_params END""",
        "processed_runs": bounded("s.processed_runs"),
        "processed_results": "0",
        "target_results": """CASE WHEN s.target_results BETWEEN 1 AND 2147483647
                                  THEN s.target_results::integer ELSE 1000 END""",
        "cursor": bounded("s.cursor"),
        "progress": "CASE WHEN s.progress BETWEEN 0 AND 100 THEN s.progress ELSE 100 END",
        "qstash_message_id": "s.qstash_message_id",
        "run_id": "s.run_id",
        "region": "coalesce(left(s.region, 10), 'US')",
        "started_at": "s.started_at",
        "completed_at": f"coalesce(s.completed_at, {_CHANGED})",
        "timeout_at": "s.timeout_at",
        "error": f"""CASE WHEN w_status.mapped = 'timeout' AND s.status IS DISTINCT FROM 'timeout'
                          THEN coalesce(nullif(s.error, ''), {_INTERRUPTED}) ELSE s.error END""",
        "outcome": """CASE WHEN lower(s.status) = 'partial' THEN 'partial'
                           WHEN w_status.mapped = 'completed' THEN 'nothing_found'
                           WHEN w_status.mapped = 'error' THEN 'provider_failed'
                           ELSE w_status.mapped END""",
        **_TIMES,
    },
    notes={
        "under way: ended as timeout": "w_status.mapped = 'timeout' AND s.status IS DISTINCT FROM 'timeout'",
        "of a campaign that is gone: kept without it": "s.campaign_id IS NOT NULL AND c.id IS NULL",
        f"of a campaign of another user: kept in “{ADOPTED_SEARCHES}”": "c.user_id <> s.user_id",
        "parameters that were no object: wrapped": "jsonb_typeof(s.search_params) <> 'object'",
        "keywords that were no list of words: put right": f"({_KEYWORDS}) IS DISTINCT FROM s.keywords",
        "a target that was no number above 0: 1000": "NOT coalesce(s.target_results > 0, false)",
    },
    also="""
    , runs AS (
        INSERT INTO public.scraping_runs (tenant_id, job_id, position, keyword, status, end_reason,
            started_at,
                                          finished_at, created_at, updated_at)
        SELECT b.user_id, b.id, 0,
               left(coalesce((SELECT string_agg(k, ', ') FROM jsonb_array_elements_text(b.keywords) k),
                             b.target_username, ''), 500),
               b.status, CASE b.status WHEN 'error' THEN 'provider_failed' WHEN 'completed' THEN 'exhausted'
                                       ELSE b.status END,
               b.started_at, b.completed_at, b.created_at, b.updated_at
        FROM batch b WHERE b.reason IS NULL
        ON CONFLICT DO NOTHING
    )""",
)

SEARCH_JOBS: Final = Copy(
    name="search_jobs",
    words={"status": "search_jobs.status", "search_type": "search_jobs.search_type"},
    joins=_OWN_CAMPAIGN,
    columns={
        "id": "s.id",
        "campaign_id": "c.id",
        "platform": "left(s.platform, 20)",
        "search_type": "w_search_type.mapped",
        "status": "w_status.mapped",
        "total_count": bounded("s.total_count"),
        "completed_count": bounded("s.completed_count"),
        "completed_at": "s.completed_at",
        **_TIMES,
    },
    notes={"of a campaign that is gone: kept without it": "s.campaign_id IS NOT NULL AND c.id IS NULL"},
)

SEARCH_RESULTS: Final = Copy(
    name="search_results",
    words={"is_verified": "search_results.is_verified"},
    joins="LEFT JOIN public.search_jobs j ON j.id = s.job_id",
    reason="CASE WHEN j.id IS NULL THEN 'its search is gone' END",
    columns={
        "id": "s.id",
        "job_id": "s.job_id",
        "profile_id": "coalesce(s.profile_id, '')",
        "username": "coalesce(s.username, '')",
        "display_name": "s.display_name",
        "platform": "left(coalesce(s.platform, ''), 20)",
        "profile_url": "s.profile_url",
        "post_url": "s.post_url",
        "post_description": "s.post_description",
        "avatar_url": "s.avatar_url",
        "followers": "CASE WHEN s.followers BETWEEN 0 AND 2147483647 THEN s.followers::integer END",
        "is_verified": "w_is_verified.mapped",
        "email": "s.email",
        "bio": "s.bio",
        "raw_data": "s.raw_data",
        "created_at": "coalesce(s.created_at, %(moment)s)",
    },
    notes={"followers that were no count: unknown": "NOT s.followers BETWEEN 0 AND 2147483647"},
)

EVENTS: Final = Copy(
    name="events",
    order="s.timestamp, s.id",
    words={
        "processing_status": "events.processing_status",
        "aggregate_type": "events.aggregate_type",
        "source_system": "events.source_system",
    },
    joins=f"""
    LEFT JOIN adoption_people p ON p.user_id = s.aggregate_id
    LEFT JOIN adoption_people i ON i.id = CASE WHEN s.aggregate_id ~ {_UUID} THEN s.aggregate_id::uuid END""",
    columns={
        "id": "s.id",
        "aggregate_id": f"left(coalesce(s.aggregate_id, ''), {_LONGEST_INDEXED})",
        "aggregate_type": "w_aggregate_type.mapped",
        "event_type": "left(coalesce(s.event_type, ''), 100)",
        "event_version": bounded("s.event_version", "1"),
        "event_data": "coalesce(s.event_data, '{}')",
        "metadata": f"""CASE WHEN {_EVENT_WORDS} = '{{}}' THEN s.metadata
                             ELSE CASE jsonb_typeof(s.metadata) WHEN 'object' THEN s.metadata ELSE '{{}}' END
                                  || jsonb_build_object('adopted', {_EVENT_WORDS}) END""",
        "timestamp": "coalesce(s.timestamp, %(moment)s)",
        "processed_at": "s.processed_at",
        "processing_status": "w_processing_status.mapped",
        "retry_count": bounded("s.retry_count"),
        "error": f"""CASE WHEN w_processing_status.mapped = 'failed' AND s.processing_status <> 'failed'
                          THEN coalesce(nullif(s.error, ''), {_UNFINISHED}) ELSE s.error END""",
        "idempotency_key": _KEY,
        "source_system": "w_source_system.mapped",
        "correlation_id": f"left(s.correlation_id, {_LONGEST_INDEXED})",
        "causation_id": "s.causation_id",
        "tenant_id": "coalesce(p.user_id, i.user_id)",
    },
    notes={
        "not processed: kept as dead letters": """w_processing_status.mapped = 'failed'
            AND s.processing_status IS DISTINCT FROM 'failed'""",
        "with a word that has no place: kept in metadata": f"{_EVENT_WORDS} <> '{{}}'",
    },
    also="""
    , keys AS (
        INSERT INTO public.event_keys (idempotency_key, event_id, "timestamp")
        SELECT idempotency_key, id, "timestamp" FROM batch ORDER BY n ON CONFLICT DO NOTHING
    )""",
)

BACKGROUND_JOBS: Final = Copy(
    name="background_jobs",
    words={"status": "background_jobs.status"},
    joins="LEFT JOIN adoption_people p ON p.user_id = s.payload ->> 'userId'",
    columns={
        "id": "s.id",
        "job_type": "left(coalesce(s.job_type, ''), 100)",
        "payload": "coalesce(s.payload, '{}')",
        "status": "w_status.mapped",
        "qstash_message_id": "s.qstash_message_id",
        "priority": bounded("s.priority", "100"),
        "max_retries": bounded("s.max_retries", "3"),
        "retry_count": bounded("s.retry_count"),
        "scheduled_for": f"coalesce(s.scheduled_for, {_MADE})",
        "started_at": "s.started_at",
        "completed_at": "s.completed_at",
        "failed_at": f"""CASE w_status.mapped WHEN 'failed' THEN coalesce(s.failed_at, {_CHANGED})
                                              ELSE s.failed_at END""",
        "error": f"""CASE WHEN w_status.mapped = 'failed' AND s.status <> 'failed'
                          THEN coalesce(nullif(s.error, ''), {_UNFINISHED}) ELSE s.error END""",
        "result": "s.result",
        "tenant_id": "p.user_id",
        **_TIMES,
    },
    notes={
        "not finished: kept as dead letters": """w_status.mapped = 'failed'
            AND s.status IS DISTINCT FROM 'failed'""",
    },
)

BEFORE_CREATORS: Final = (CAMPAIGNS, SCRAPING_JOBS, SEARCH_JOBS, SEARCH_RESULTS)

AFTER_CREATORS: Final = (EVENTS, BACKGROUND_JOBS)


def queue_rows(connection: Connection[Any], name: str, order: str) -> None:
    connection.execute(sql.SQL(_QUEUE).format(name=sql.SQL(name), order=sql.SQL(order)))


def count_queue(connection: Connection[Any], name: str) -> int:
    row = connection.execute(
        sql.SQL("SELECT coalesce(max(n), 0) FROM adoption_queue_{}").format(sql.SQL(name))
    ).fetchone()
    return int(row[0]) if row else 0


def copy_batch(connection: Connection[Any], copy: Copy, *, after: int, upto: int, moment: datetime) -> Counts:
    row = connection.execute(_statement(copy), {"after": after, "upto": upto, "moment": moment}).fetchone()
    if row is None:
        raise TypeError("a SELECT of counts has one row")
    read, written, rejected, notes = row
    left = dict(rejected or {})
    if repeated := read - written - sum(left.values()):  # rows that share their id within the batch
        left[ADOPTED_TWICE] = left.get(ADOPTED_TWICE, 0) + repeated
    return {"read": read, "written": written, "rejected": left, "notes": notes}


def _statement(copy: Copy) -> sql.Composed:
    words = "".join(
        _WORD.replace("{name}", column).replace("{field}", name) for column, name in copy.words.items()
    )
    noted = [f"({condition}) AS note_{number}" for number, condition in enumerate(copy.notes.values())]
    counted = (
        f"'{note}', nullif(count(*) FILTER (WHERE note_{number}), 0)"
        for number, note in enumerate(copy.notes)
    )
    return sql.SQL(_BATCH).format(
        name=sql.SQL(copy.name),
        twice=sql.Literal(ADOPTED_TWICE),
        reason=sql.SQL(copy.reason),
        notes=sql.SQL(", ".join(noted) or "NULL AS note"),
        columns=sql.SQL(", ".join(f'{value} AS "{name}"' for name, value in copy.columns.items())),
        targets=sql.SQL(", ".join(f'"{name}"' for name in copy.columns)),
        joins=sql.SQL(copy.joins + words),
        also=sql.SQL(copy.also),
        counted=sql.SQL(", ".join(counted)),
    )
