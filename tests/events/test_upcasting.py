"""What was written before is read as today's: other versions, other names, the original's records."""

from collections.abc import Mapping
from typing import Any

import pytest

from tastemaker.events.names import FORMER_NAMES, EventType
from tastemaker.events.payloads import (
    AdminAction,
    BillingWebhookReceived,
    OnboardingStarted,
    PaymentFailed,
    SubscriptionCanceled,
    SubscriptionUpdated,
    TrialExpired,
    UserRegistered,
    payload_models,
)
from tastemaker.events.upcasting import UnreadablePayload, has_upcaster, read_payload, upcasts

OLD = {
    "user_created": ({"userId": "u1", "email": "a@example.com"}, UserRegistered(plan="free")),
    "subscription_updated": (
        {"currentPlan": "glow_up", "subscriptionStatus": "incomplete", "stripeCustomerId": "cus_1"},
        SubscriptionUpdated(plan="glow_up", status="none", trial_status="pending"),
    ),
    "subscription_deleted": (
        {"currentPlan": "free", "trialStatus": "expired"},
        SubscriptionCanceled(plan="free", status="canceled", trial_status="expired"),
    ),
    "onboarding_started": ({"onboardingStep": "info_captured"}, OnboardingStarted(step="info_captured")),
    "payment_failed": ({"amount": 9900, "currency": "usd"}, PaymentFailed(amount_cents=9900, currency="usd")),
    "trial_expired": (
        {"trialEndDate": "2025-09-01T00:00:00Z"},
        TrialExpired.model_validate({"plan": "free", "ended_at": "2025-09-01T00:00:00Z"}),
    ),
}


@pytest.mark.parametrize("name", OLD)
def test_the_originals_records_are_understood(name: str) -> None:
    data, expected = OLD[name]
    assert read_payload(name, 1, data) == expected


@pytest.mark.parametrize("event_type", EventType)
def test_every_type_has_a_model_and_a_way_from_each_older_version(event_type: EventType) -> None:
    model = payload_models()[event_type]
    assert all(has_upcaster(event_type, version) for version in range(1, model.version))


@pytest.mark.parametrize("name", [*FORMER_NAMES, *(t for t in EventType if payload_models()[t].version > 1)])
def test_an_original_record_without_anything_we_know_can_be_read(name: str) -> None:
    if name != EventType.SUBSCRIPTION_SNAPSHOT:
        assert read_payload(name, 1, {"somethingElse": {"deep": [1]}})


def test_what_the_original_kept_of_people_is_read_redacted() -> None:
    webhook = read_payload("billing_webhook_received", 1, {"id": "evt_1", "customer_email": "a@example.com"})
    action = read_payload("admin_action", 1, {"type": "grant", "email": "a@example.com"})
    assert isinstance(webhook, BillingWebhookReceived)
    assert isinstance(action, AdminAction)
    assert webhook.webhook_id == "evt_1"
    assert "example.com" not in f"{webhook}{action}"


@pytest.mark.parametrize(
    ("name", "version", "data", "says"),
    [
        ("user_registered", 1, {"plan": 5}, "does not fit its model: plan"),
        ("user_registered", 1, {"plan": "free", "extra": 1}, "extra"),
        ("user_registered", 2, {"plan": "free"}, "knows 1 as the newest"),
        ("campaign_created", 0, {}, "cannot be read any more"),
        ("made_up", 1, {}, "no event type"),
    ],
)
def test_what_cannot_be_read_says_why(name: str, version: int, data: Mapping[str, Any], says: str) -> None:
    with pytest.raises(UnreadablePayload, match=says):
        read_payload(name, version, data)


def test_one_upcaster_for_each_version() -> None:
    with pytest.raises(ValueError, match="already"):
        upcasts(EventType.TRIAL_STARTED, from_version=1)(dict)
