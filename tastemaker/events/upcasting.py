"""Reading what was written before: older versions, older names, and the original product's looser records.

An upcaster takes the data of one version to the next. Nothing in the log is ever rewritten.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from tastemaker.core.errors import AppError
from tastemaker.events.names import EventType, Payload, find_type
from tastemaker.events.payloads import payload_models

Data = Mapping[str, Any]
Upcaster = Callable[[Data], Data]


class UnreadablePayload(AppError):
    """An event's data is of no shape that this program knows."""

    status = 422


def read_payload(event_type: str, version: int, data: Data) -> Payload:
    """An event's data as today's model of it. Raises UnreadablePayload."""
    model = _model_of(event_type)
    if version > model.version:
        raise UnreadablePayload(
            f"{event_type} is of version {version}; this program knows {model.version} as the newest."
        )
    for step in range(version, model.version):
        upcaster = _upcasters.get((model.event_type, step))
        if upcaster is None:
            raise UnreadablePayload(f"{event_type} of version {step} cannot be read any more.")
        data = upcaster(data)
    if event_type != model.event_type:
        data = _RENAMED.get(event_type, _as_it_is)(data)
    return _validated(model, event_type, data)


def upcasts(event_type: EventType, *, from_version: int) -> Callable[[Upcaster], Upcaster]:
    """Declare how data of that version becomes data of the next. One for each version that was written."""

    def declare(upcaster: Upcaster) -> Upcaster:
        if _upcasters.setdefault((event_type, from_version), upcaster) is not upcaster:
            raise ValueError(f"{event_type} has an upcaster from version {from_version} already")
        return upcaster

    return declare


def has_upcaster(event_type: EventType, from_version: int) -> bool:
    return (event_type, from_version) in _upcasters


def _model_of(event_type: str) -> type[Payload]:
    known = find_type(event_type)
    model = None if known is None else payload_models().get(known)
    if model is None:
        raise UnreadablePayload(f"There is no event type {event_type[:60]!r}.")
    return model


def _validated(model: type[Payload], event_type: str, data: Data) -> Payload:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors()}))
        raise UnreadablePayload(f"{event_type}'s data does not fit its model: {fields[:200]}.") from None


_upcasters: Final[dict[tuple[EventType, int], Upcaster]] = {}


def _as_it_is(data: Data) -> Data:
    return data


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _from_original(data: Data, aliases: Mapping[str, tuple[str, ...]], **defaults: object) -> dict[str, Any]:
    """Of the original's keys, regardless of case, those that mean something to us."""
    known = {_snake(key): value for key, value in data.items() if value is not None}
    found = {
        field: next((known[name] for name in (field, *names) if name in known), defaults.get(field))
        for field, names in aliases.items()
    }
    return {field: value for field, value in found.items() if value is not None}


_PLAN: Final = ("current_plan", "plan_id", "plan_key", "new_plan")
_START, _END = ("trial_start_date", "start_date", "timestamp"), ("trial_end_date", "end_date")
_LONG_AGO: Final = "1970-01-01T00:00:00Z"
"""For a time that the original did not note; the event's own `timestamp` is what is known."""

_STATUS: Final = {"incomplete": "none", "incomplete_expired": "none", "paused": "past_due"}


def _registered(data: Data) -> Data:
    return _from_original(data, {"plan": _PLAN}, plan="free")


def _subscription(data: Data) -> Data:
    found = _from_original(
        data,
        {
            "plan": _PLAN,
            "status": ("subscription_status",),
            "trial_status": (),
            "trial_ends_at": _END,
            "renews_at": ("subscription_renewal_date", "current_period_end"),
            "cancels_at": ("subscription_cancel_date", "canceled_at", "cancel_at"),
        },
        plan="free",
        status="none",
        trial_status="pending",
    )
    return {**found, "status": _STATUS.get(found["status"], found["status"])}


def _canceled(data: Data) -> Data:
    return {**_subscription(data), "status": "canceled"}


def _payment(data: Data) -> Data:
    return _from_original(
        data,
        {
            "amount_cents": ("amount", "amount_paid", "amount_due"),
            "currency": (),
            "invoice_id": ("stripe_invoice_id",),
        },
    )


def _webhook(data: Data) -> Data:
    found = _from_original(
        data,
        {"webhook_id": ("event_id", "stripe_event_id", "id"), "webhook_type": ("event_type", "type")},
        webhook_id="unknown",
        webhook_type="unknown",
    )
    return {**found, "data": data}


def _admin_action(data: Data) -> Data:
    found = _from_original(data, {"action": ("type",), "reason": ()}, action="unknown")
    return {**found, "after": data}


def _onboarding(data: Data) -> Data:
    return _from_original(data, {"step": ("onboarding_step",)})


def _onboarded(data: Data) -> Data:
    return _from_original(data, {"plan": _PLAN})


def _trial_started(data: Data) -> Data:
    fields = {"plan": _PLAN, "started_at": _START, "ends_at": _END}
    return _from_original(data, fields, plan="free", started_at=_LONG_AGO, ends_at=_LONG_AGO)


def _trial_converted(data: Data) -> Data:
    fields = {"plan": _PLAN, "converted_at": ("trial_conversion_date", "timestamp")}
    return _from_original(data, fields, plan="free", converted_at=_LONG_AGO)


def _trial_expired(data: Data) -> Data:
    return _from_original(data, {"plan": _PLAN, "ended_at": _END}, plan="free", ended_at=_LONG_AGO)


_RENAMED: Final[Mapping[str, Upcaster]] = {"user_created": _registered, "subscription_deleted": _canceled}

for _type, _upcaster in (
    (EventType.ONBOARDING_STARTED, _onboarding),
    (EventType.ONBOARDING_COMPLETED, _onboarded),
    (EventType.TRIAL_STARTED, _trial_started),
    (EventType.TRIAL_CONVERTED, _trial_converted),
    (EventType.TRIAL_EXPIRED, _trial_expired),
    (EventType.SUBSCRIPTION_CREATED, _subscription),
    (EventType.SUBSCRIPTION_UPDATED, _subscription),
    (EventType.SUBSCRIPTION_CANCELED, _canceled),
    (EventType.SUBSCRIPTION_SNAPSHOT, _as_it_is),
    (EventType.PAYMENT_SUCCEEDED, _payment),
    (EventType.PAYMENT_FAILED, _payment),
    (EventType.BILLING_WEBHOOK_RECEIVED, _webhook),
    (EventType.ADMIN_ACTION, _admin_action),
):
    upcasts(_type, from_version=1)(_upcaster)
