"""Whether this process can serve: for load balancers and whoever restarts it."""

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import text

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db.claims import NOBODY
from tastemaker.db.engine import DATABASE_TROUBLE, session_scope
from tastemaker.web.problems import COME_AGAIN_SECONDS, problem
from tastemaker.web.services import services_of

DEADLINE_SECONDS: Final = 3.0

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether this process reaches its database")
async def health(request: Request) -> Response:
    """200 where the database answers, 503 where it does not. Needs no key and tells nothing else."""
    try:
        async with (
            asyncio.timeout(DEADLINE_SECONDS),
            session_scope(services_of(request).database, NOBODY) as session,
        ):
            await session.execute(text("SELECT app_now()"))
    except (*DATABASE_TROUBLE, DatabaseUnavailable, TimeoutError):
        detail = "The database does not answer."
        return problem(503, detail, kind="database_unavailable", retry_after=COME_AGAIN_SECONDS)
    return JSONResponse({"status": "ok"})
