"""A small Stripe over loopback, in its wire format, for the real client library: what our checkout needs.

Objects have the API's fields that we read. What changes an object emits an event with a copy of it, which a
test delivers as it likes. Time is `now`, in seconds, and moves by `advance`.
"""

import asyncio
import copy
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tastemaker.web.server import listening, running

DAY = 86_400
MONTH = 30 * DAY


@dataclass
class FakeStripe:
    now: int
    is_new_shape: bool = True
    """Since 2025-03-31 the period is that of the items."""

    is_down: bool = False
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    answered: dict[str, Any] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    bad_cards: set[str] = field(default_factory=set)
    """Customers whose payments fail."""

    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def add(self, kind: str, prefix: str, **values: object) -> dict[str, Any]:
        made = {"id": f"{prefix}_{next(self._numbers):06}", "object": kind, "created": self.now, **values}
        self.objects[made["id"]] = made
        return made

    def emit(self, kind: str, about: Mapping[str, Any]) -> dict[str, Any]:
        event = {
            "id": f"evt_{next(self._numbers):06}",
            "object": "event",
            "type": kind,
            "created": self.now,
            "data": {"object": copy.deepcopy(self.shown(about))},
        }
        self.events.append(event)
        return event

    def shown(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """A subscription in the chosen shape of the API."""
        shown = copy.deepcopy(dict(about))
        if shown["object"] != "subscription":
            return shown
        period = {name: shown.pop(name) for name in ("current_period_start", "current_period_end")}
        if self.is_new_shape:
            shown["items"]["data"][0].update(period)
        else:
            shown.update(period)
        return shown

    def subscriptions(self, customer: str) -> list[dict[str, Any]]:
        return [
            one
            for one in self.objects.values()
            if one["object"] == "subscription" and one["customer"] == customer
        ]

    def complete(self, session_id: str, *, fingerprint: str = "fp_1") -> dict[str, Any]:
        """The person types a card on Stripe's page."""
        session = self.objects[session_id]
        method = self.add(
            "payment_method", "pm", customer=session["customer"], type="card",
            card={"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030,
                  "fingerprint": fingerprint},
            billing_details={"address": {"city": "Oslo", "country": "NO", "postal_code": "0150"}},
        )  # fmt: skip
        self.emit("payment_method.attached", method)
        days = session["subscription_data"].get("trial_period_days")
        trial_end = self.now + int(days) * DAY if days else None
        made = self.add(
            "subscription", "sub", customer=session["customer"],
            status="trialing" if days else "active", metadata=session["subscription_data"]["metadata"],
            items={"data": [{"id": "si_1", "price": {"id": session["price"], "object": "price"}}]},
            current_period_start=self.now, current_period_end=trial_end or self.now + MONTH,
            trial_start=self.now if days else None, trial_end=trial_end, cancel_at=None,
            cancel_at_period_end=False, canceled_at=None, ended_at=None, default_payment_method=method["id"],
        )  # fmt: skip
        self.emit("customer.subscription.created", made)
        session["subscription"], session["status"] = made["id"], "complete"
        self.emit("checkout.session.completed", session)
        if not days:
            self._invoice(made, paid=True)
        return made

    def change(self, subscription: dict[str, Any], **changes: object) -> None:
        subscription.update(changes)
        is_over = subscription["status"] == "canceled"
        self.emit(f"customer.subscription.{'deleted' if is_over else 'updated'}", subscription)

    def cancel(self, subscription: dict[str, Any]) -> None:
        self.change(subscription, status="canceled", canceled_at=self.now, ended_at=self.now)

    def advance(self, seconds: int) -> None:
        """To a later time, through every end of a period on the way."""
        until = self.now + seconds
        while True:
            due = [
                one
                for one in self.objects.values()
                if one["object"] == "subscription"
                and one["status"] in {"trialing", "active", "past_due"}
                and one["current_period_end"] <= until
            ]
            if not due:
                break
            one = min(due, key=lambda each: (each["current_period_end"], each["id"]))
            self.now = one["current_period_end"]
            self._renew(one)
        self.now = until

    def _renew(self, one: dict[str, Any]) -> None:
        if one["cancel_at_period_end"] or one["status"] == "past_due":
            self.cancel(one)
            return
        paid = one["customer"] not in self.bad_cards
        period = {"current_period_start": self.now, "current_period_end": self.now + MONTH}
        self._invoice(one, paid=paid)
        self.change(one, status="active" if paid else "past_due", **period)

    def _invoice(self, one: dict[str, Any], *, paid: bool) -> None:
        about = {"subscription_details": {"subscription": one["id"]}}
        invoice = self.add(
            "invoice", "in", customer=one["customer"], amount_paid=9900 if paid else 0, amount_due=9900,
            currency="usd", billing_reason="subscription_cycle", parent=about,
        )  # fmt: skip
        self.emit("invoice.finalized", invoice)
        self.emit(f"invoice.payment_{'succeeded' if paid else 'failed'}", invoice)


async def _answer(request: Request) -> Response:
    fake: FakeStripe = request.app.state.fake
    given = _nested(parse_qsl((await request.body()).decode() or request.url.query))
    once = request.headers.get("Idempotency-Key")
    if fake.is_down:
        return JSONResponse({"error": {"message": "down", "type": "api_error"}}, 503)
    if request.method != "GET":
        assert once, "every write has an idempotency key"
        if once in fake.answered:
            return JSONResponse(fake.answered[once])
    parts = request.url.path.removeprefix("/v1/").split("/")
    answer = _routed(fake, request.method, parts, given)
    if answer is None:
        return JSONResponse({"error": {"message": "none", "type": "invalid_request_error"}}, 404)
    if request.method != "GET" and once:
        fake.answered[once] = copy.deepcopy(answer)
        fake.writes.append(f"{request.method} {parts[0]}")
    await asyncio.sleep(0)
    return JSONResponse(answer, headers={"Date": formatdate(fake.now, usegmt=True)})


def _routed(fake: FakeStripe, method: str, parts: list[str], given: dict[str, Any]) -> dict[str, Any] | None:
    match method, parts:
        case "GET", ["customers" | "subscriptions" as kind]:
            found = [
                fake.shown(one)
                for one in fake.objects.values()
                if one["object"] == kind[:-1]
                and one.get("email" if kind == "customers" else "customer")
                == given.get("email" if kind == "customers" else "customer")
            ]
            return {"object": "list", "data": found, "has_more": False, "url": f"/v1/{kind}"}
        case "POST", ["customers"]:
            return fake.add("customer", "cus", **given)
        case "POST", ["checkout", "sessions"]:
            price = given["line_items"][0]["price"]
            session = fake.add("checkout.session", "cs", price=price, subscription=None, **given)
            session["url"] = f"https://checkout.example/{session['id']}"
            return session
        case "POST", ["billing_portal", "sessions"]:
            return fake.add("billing_portal.session", "bps", url="https://portal.example/", **given)
        case "GET", [_, identity]:
            found = fake.objects.get(identity)
            return None if found is None else fake.shown(found)
        case "POST", ["subscriptions", identity]:
            return _updated(fake, fake.objects[identity], given)
        case "DELETE", ["subscriptions", identity]:
            fake.cancel(fake.objects[identity])
            return fake.shown(fake.objects[identity])
    return None


def _updated(fake: FakeStripe, one: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "cancel_at_period_end" in given:
        changes["cancel_at_period_end"] = given["cancel_at_period_end"] == "true"
    if "items" in given:
        price = {"id": given["items"][0]["price"], "object": "price"}
        changes["items"] = {"data": [{**one["items"]["data"][0], "price": price}]}
    if "metadata" in given:
        changes["metadata"] = given["metadata"]
    if given.get("trial_end") == "now":
        changes |= {
            "trial_end": fake.now, "status": "active", "current_period_start": fake.now,
            "current_period_end": fake.now + MONTH,
        }  # fmt: skip
    fake.change(one, **changes)
    return fake.shown(one)


def _nested(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """`a[b][0][c]=d` as documents and lists."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        path = re.findall(r"[^\[\]]+", name)
        here = tree
        for part in path[:-1]:
            here = here.setdefault(part, {})
        here[path[-1]] = value
    listed: dict[str, Any] = json.loads(json.dumps(tree), object_hook=_listed)
    return listed


def _listed(found: dict[str, object]) -> object:
    is_list = bool(found) and all(key.isdigit() for key in found)
    return [found[key] for key in sorted(found, key=int)] if is_list else found


@asynccontextmanager
async def serving_stripe(fake: FakeStripe) -> AsyncIterator[str]:
    """On a free loopback port; its URL."""
    app = Starlette(routes=[Route("/v1/{path:path}", _answer, methods=["GET", "POST", "DELETE"])])
    app.state.fake = fake
    stopping = asyncio.Event()
    with listening("127.0.0.1", 0) as listener:
        async with running(app, listener, stopping=stopping, date_header=False):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            stopping.set()
