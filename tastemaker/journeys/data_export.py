"""Everything that the installation holds about a person, as one JSON document, table by table.

Left out are digests of passwords, keys and cookies, by which nobody learns anything about the person.
"""

from collections.abc import AsyncIterator

import orjson

from tastemaker.core.clock import utc_now
from tastemaker.core.ids import ExternalUserId, new_id
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import Database
from tastemaker.db.transaction import stream_tuples, transaction
from tastemaker.events.account_payloads import DataExported
from tastemaker.events.names import Source
from tastemaker.events.service import record
from tastemaker.journeys.data_export_queries import ROWS, SECRET


async def export_person(database: Database, user_id: ExternalUserId) -> AsyncIterator[bytes]:
    """The document in pieces. Each table is read in one transaction of its own."""
    async with transaction(database, SYSTEM) as tx:
        await record(
            tx,
            DataExported(),
            aggregate_id=user_id,
            identifier=str(new_id()),
            source=Source.USER_ACTION,
            tenant_id=user_id,
        )
    head = {"format": "tastemaker-person-1", "user_id": user_id, "exported_at": utc_now()}
    yield orjson.dumps(head)[:-1] + b',"tables":{'
    for number, (table, rows) in enumerate(ROWS.items()):
        yield (b"," if number else b"") + f'"{table}":['.encode()
        is_first = True
        params = {"user_id": user_id, "secret": list(SECRET)}
        async for batch in stream_tuples(database, SYSTEM, rows, params):
            yield (b"" if is_first else b",") + ",".join(document for (document,) in batch).encode()
            is_first = False
        yield b"]"
    yield b"}}"
