"""The event log's vocabulary. The specification's names are ours; they are never changed, only added to."""

from enum import StrEnum


class EventType(StrEnum):
    USER_REGISTERED = "user_registered"
    CAMPAIGN_CREATED = "campaign_created"
    SEARCH_STARTED = "search_started"
    SEARCH_PARKED = "search_parked"
    SEARCH_FINISHED = "search_finished"


class Aggregate(StrEnum):
    USER = "user"
    SUBSCRIPTION = "subscription"
    ONBOARDING = "onboarding"
    PAYMENT = "payment"
    TRIAL = "trial"
    CAMPAIGN = "campaign"
    JOB = "job"
    LIST = "list"
    CREATOR = "creator"
    CONFIG = "config"


class Source(StrEnum):
    STRIPE_WEBHOOK = "stripe_webhook"
    CLERK_WEBHOOK = "clerk_webhook"
    ADMIN_ACTION = "admin_action"
    USER_ACTION = "user_action"
    SYSTEM_AUTOMATION = "system_automation"
    QSTASH_JOB = "qstash_job"
