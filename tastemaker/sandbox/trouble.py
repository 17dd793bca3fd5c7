"""The answers of a call that goes wrong on purpose."""

from datetime import timedelta
from email.utils import format_datetime

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tastemaker.core.clock import utc_now
from tastemaker.sandbox.call import Body, Refusal
from tastemaker.sandbox.faults import Faults, Trouble, Turn
from tastemaker.sandbox.vendors import Vendor

_LOGIN_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


def refused(turn: Turn, faults: Faults, vendor: Vendor) -> Response | None:
    """The refusal, where this call is to meet one before anything is looked up."""
    if turn.trouble is Trouble.RATE_LIMIT:
        return json_response(vendor.rate_limited(), headers=_retry_after(faults))
    if turn.trouble is Trouble.SERVER_ERROR:
        return json_response(vendor.server_error(500 if turn.occasion % 2 == 0 else 503))
    if turn.trouble is Trouble.QUOTA:
        return json_response(vendor.used_up())
    return None


def spoiled(turn: Turn, body: Body) -> Response | None:
    """A good answer gone bad on its way, where this call is to meet that."""
    raw = orjson.dumps(body)
    if turn.trouble is Trouble.DROP:
        return _BrokenOff(raw, media_type="application/json")
    if turn.trouble is not Trouble.GARBAGE:
        return None
    kind = turn.occasion % 3
    if kind == 0:
        return Response(_LOGIN_PAGE, media_type="text/html")
    return Response(raw[: len(raw) * 2 // 3] if kind == 1 else b"", media_type="application/json")


def json_response(refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(refusal.body), refusal.status, headers, "application/json")


class _BrokenOff(Response):
    """Promises the whole body, sends half of it and leaves; the server then closes the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _retry_after(faults: Faults) -> dict[str, str] | None:
    if faults.retry_after is None:
        return None
    if not faults.retry_after_as_date:
        return {"Retry-After": str(faults.retry_after)}
    return {"Retry-After": format_datetime(utc_now() + timedelta(seconds=faults.retry_after), usegmt=True)}
