"""Whether this process can serve: for load balancers and process managers."""

import asyncio
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db.claims import NOBODY
from tastemaker.db.statements import statement
from tastemaker.db.transaction import DATABASE_TROUBLE, read_one
from tastemaker.web.problems import COME_AGAIN_SECONDS, problem
from tastemaker.web.services import services_of

DEADLINE_SECONDS: Final = 3.0

READ_NOW = statement("SELECT app_now()", datetime, not_null="app_now")

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="check_health", summary="Whether this process reaches its database")
async def health(request: Request) -> Response:
    """200 where the database answers, 503 where it does not. Needs no key and tells nothing else."""
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await read_one(services_of(request).database, NOBODY, READ_NOW)
    except (*DATABASE_TROUBLE, DatabaseUnavailable, TimeoutError):
        detail = "The database does not answer."
        return problem(503, detail, kind="database_unavailable", retry_after=COME_AGAIN_SECONDS)
    return JSONResponse({"status": "ok"})
