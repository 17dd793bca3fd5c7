"""The rows of exports, and the found creators as a file shows them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from tastemaker.core.ids import CampaignId, ExternalUserId, SearchId
from tastemaker.core.platforms import Platform
from tastemaker.db.enums import ExportFormat, ExportState
from tastemaker.db.keyset import KeysetPage, Place, page_of, read_cursor
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction

_LIST: Final = "exports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """`rows` written of `total`. `selection`: the filter, the order and the chosen creators.

    `file_name` is offered for the download. `expires_at`: when file and row are deleted.
    """

    id: UUID
    user_id: ExternalUserId
    campaign_id: CampaignId
    campaign_name: str
    search_id: SearchId | None
    platform: Platform | None
    format: ExportFormat
    state: ExportState
    selection: dict[str, Any]
    rows: int
    total: int
    bytes: int | None
    file_name: str
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime


INSERT = statement(
    """
    INSERT INTO exports (tenant_id, campaign_id, search_id, platform, format, selection, total, file_name,
                         created_at, expires_at)
    VALUES (%(user_id)s, %(campaign_id)s, %(search_id)s, %(platform)s, %(format)s,
            CAST(%(selection)s AS jsonb), %(total)s, %(file_name)s, app_now(),
            app_now() + make_interval(secs => %(seconds)s))
    RETURNING id
    """,
    UUID,
)

LIST = composed(
    """
    SELECT e.id, e.tenant_id AS user_id, e.campaign_id, c.name AS campaign_name, e.search_id, e.platform,
           e.format, e.state, e.selection, e.rows, e.total, e.bytes, e.file_name, e.error, e.created_at,
           e.finished_at, e.expires_at
    FROM exports e JOIN campaigns c ON c.id = e.campaign_id AND c.user_id = e.tenant_id
    WHERE e.tenant_id = %(user_id)s AND c.deleting_since IS NULL AND e.expires_at > app_now() {filters}
    ORDER BY e.created_at DESC, e.id DESC
    LIMIT %(limit)s
    """,
    Export,
    filters=any_of(
        id="AND e.id = %(id)s",
        after="AND (e.created_at, e.id) < (%(at)s, CAST(%(key)s AS uuid))",
    ),
)

COUNT_OPEN = statement(
    "SELECT count(*) FROM exports WHERE tenant_id = %(user_id)s AND state IN ('waiting', 'running')",
    int,
    not_null="count",
)

BEGIN = statement("""
    UPDATE exports SET state = 'running', rows = 0, error = NULL
    WHERE tenant_id = %(user_id)s AND id = %(id)s AND state IN ('waiting', 'running')
""")

ADVANCE = statement("""
    UPDATE exports SET rows = %(rows)s
    WHERE tenant_id = %(user_id)s AND id = %(id)s AND state = 'running'
""")

COMPLETE = statement("""
    UPDATE exports SET state = 'completed', rows = %(rows)s, bytes = %(bytes)s, finished_at = app_now()
    WHERE tenant_id = %(user_id)s AND id = %(id)s AND state = 'running'
""")

FAIL = statement("""
    UPDATE exports SET state = 'failed', error = %(error)s, finished_at = app_now()
    WHERE tenant_id = %(user_id)s AND id = %(id)s AND state IN ('waiting', 'running')
""")

DELETE = statement("DELETE FROM exports WHERE tenant_id = %(user_id)s AND id = %(id)s")

DELETE_EXPIRED = statement("DELETE FROM exports WHERE expires_at <= app_now()")

LIST_KNOWN = statement("SELECT id FROM exports WHERE id = ANY(CAST(%(ids)s AS uuid[]))", UUID)


async def find_export(tx: Transaction, user_id: ExternalUserId, export_id: UUID) -> Export | None:
    return await tx.one(LIST.choose(filters=("id",)), user_id=user_id, id=export_id, limit=1)


async def list_exports(
    tx: Transaction, user_id: ExternalUserId, *, limit: int, after: str | None = None
) -> KeysetPage[Export]:
    """The newest first."""
    place = read_cursor(after, of=_LIST)
    values: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
    if place is not None:
        values |= {"at": place.at, "key": place.key}
    found = await tx.many(LIST.choose(filters=("after",) if place else ()), **values)
    return page_of(found, limit, of=_LIST, place=lambda one: Place(one.created_at, one.id))
