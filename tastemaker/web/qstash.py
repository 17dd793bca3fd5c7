"""Routes that QStash calls. The response tells QStash whether to retry."""

from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from tastemaker.jobs.transports.qstash import PREFIX, Callback, NotSigned
from tastemaker.jobs.transports.qstash_callbacks import Deliveries

_NAME: Final = "deliveries"

router = APIRouter(prefix=PREFIX, tags=["qstash"], include_in_schema=False)


def put_deliveries(app: FastAPI, deliveries: Deliveries) -> None:
    setattr(app.state, _NAME, deliveries)


@router.post("/search-runs", summary="Continue one keyword of a search")
async def search_run(request: Request) -> Response:
    """A signed call: the job's id and attempt."""
    return await _taken(request, Callback.SEARCH_RUNS)


@router.post("/background-jobs", summary="Run a background job")
async def background_job(request: Request) -> Response:
    """A signed call: the job's id and attempt."""
    return await _taken(request, Callback.BACKGROUND_JOBS)


@router.post("/emails", summary="Send an e-mail whose time has come")
async def email(request: Request) -> Response:
    """A signed call: the job's id and attempt."""
    return await _taken(request, Callback.EMAILS)


@router.post("/failures", summary="Hear of a job that could not be delivered")
async def failure(request: Request) -> Response:
    """A signed call: what QStash gave up, and why."""
    return await _taken(request, Callback.FAILURES)


async def _taken(request: Request, callback: Callback) -> Response:
    """Raises NotSigned, also where no call of QStash is expected at all."""
    deliveries = getattr(request.app.state, _NAME, None)
    if not isinstance(deliveries, Deliveries):
        raise NotSigned("No call of QStash is expected here.")
    reply = await deliveries.take(callback, request.headers, await request.body())
    return PlainTextResponse(reply.said, reply.status, dict(reply.headers))
