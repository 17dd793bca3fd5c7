"""What Stripe sends, read: events, subscriptions of both API shapes, cards. Pure functions over documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from tastemaker.core.errors import InvalidInput

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvent:
    """`created` in seconds, as Stripe has it. `object` is what it is about."""

    id: str
    type: str
    created: int
    object: Document

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.created, UTC)

    @property
    def customer_id(self) -> str | None:
        return text(self.object.get("customer"))

    @property
    def subscription_id(self) -> str | None:
        """Also of an invoice in the shape since 2025-03-31, where it is below `parent`."""
        if text(self.object.get("object")) == "subscription":
            return text(self.object.get("id"))
        details = _below(_below(self.object, "parent"), "subscription_details")
        return text(self.object.get("subscription")) or text(details.get("subscription"))

    @property
    def user_id(self) -> str | None:
        """Whom our checkout named."""
        own = text(self.object.get("client_reference_id"))
        return own or text(_below(self.object, "metadata").get("user_id"))

    @property
    def payment_method_id(self) -> str | None:
        if text(self.object.get("object")) == "payment_method":
            return text(self.object.get("id"))
        return text(self.object.get("payment_method")) or text(self.object.get("default_payment_method"))


def read_event(raw: bytes) -> StripeEvent:
    """Raises InvalidInput for what is no event of Stripe's."""
    try:
        given = orjson.loads(raw)
        return StripeEvent(
            id=str(given["id"]),
            type=str(given["type"]),
            created=int(given["created"]),
            object=dict(given["data"]["object"]),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        raise InvalidInput("This is no event of Stripe's.") from None


def subscription_row(given: Document) -> dict[str, Any]:
    """The columns of `stripe_subscriptions`, but those of the tenant and of the version.

    Since 2025-03-31 the period is that of the items. Raises InvalidInput for what is no subscription.
    """
    items = _below(given, "items").get("data")
    item = items[0] if isinstance(items, list) and items and isinstance(items[0], Mapping) else {}
    price = item.get("price") or item.get("plan") or given.get("plan")
    subscription_id, customer = text(given.get("id")), text(given.get("customer"))
    status, created = text(given.get("status")), _moment(given.get("created"))
    if subscription_id is None or customer is None or status is None or created is None:
        raise InvalidInput("This is no subscription of Stripe's.")
    period_end = _moment(given.get("current_period_end") or item.get("current_period_end"))
    at_end = period_end if given.get("cancel_at_period_end") is True else None
    return {
        "id": subscription_id,
        "customer_id": customer,
        "status": status,
        "price_id": text(price),
        "plan_key": (text(_below(given, "metadata").get("plan")) or "")[:50] or None,
        "created": created,
        "period_start": _moment(given.get("current_period_start") or item.get("current_period_start")),
        "period_end": period_end,
        "trial_start": _moment(given.get("trial_start")),
        "trial_end": _moment(given.get("trial_end")),
        "cancel_at": _moment(given.get("cancel_at")) or at_end,
        "ended_at": _moment(given.get("ended_at")) or _moment(given.get("canceled_at")),
        "was_active": status == "active",
    }


def card_row(method: Document) -> dict[str, Any]:
    """The columns of `user_billing` that show how the user pays; the card's number is never sent to us."""
    card = _below(method, "card")
    address = _below(_below(method, "billing_details"), "address")
    return {
        "payment_method_id": text(method.get("id")),
        "last_4": (text(card.get("last4")) or "")[:4] or None,
        "brand": (text(card.get("brand")) or "")[:20] or None,
        "month": card.get("exp_month"),
        "year": card.get("exp_year"),
        "city": text(address.get("city")),
        "country": (text(address.get("country")) or "")[:2] or None,
        "postal_code": (text(address.get("postal_code")) or "")[:20] or None,
    }


def fingerprint_of(method: Document) -> str | None:
    return text(_below(method, "card").get("fingerprint"))


def text(given: object) -> str | None:
    """An id, or that of the object in its place where Stripe expanded it."""
    if isinstance(given, Mapping):
        given = given.get("id")
    return given if isinstance(given, str) and given else None


def _below(given: Document, name: str) -> Document:
    found = given.get(name)
    return found if isinstance(found, Mapping) else {}


def _moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds > 0 else None
