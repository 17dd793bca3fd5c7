"""The words that a column may hold, for the models and for everybody else: no table is needed to say one.

Their values are contract: they are in existing databases.
"""

from enum import StrEnum


class SearchType(StrEnum):
    KEYWORD = "keyword"
    SIMILAR = "similar"


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    COMPLETED = "completed"
    ARCHIVED = "archived"


class SearchStatus(StrEnum):
    """Of a search and of its runs. Waiting for a provider's quota is `pending`."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        return self in {SearchStatus.PENDING, SearchStatus.PROCESSING}


class SearchOutcome(StrEnum):
    """What an ended search came to: `nothing_found` is not `provider_failed`."""

    FULL = "full"
    PARTIAL = "partial"
    NOTHING_FOUND = "nothing_found"
    PLAN_LIMIT = "plan_limit"
    QUOTA = "quota"
    PROVIDER_FAILED = "provider_failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


class RunEndReason(StrEnum):
    """Why the paging of one keyword ended."""

    EXHAUSTED = "exhausted"
    TARGET_REACHED = "target_reached"
    PLAN_LIMIT = "plan_limit"
    QUOTA = "quota"
    PAGE_CAP = "page_cap"
    CURSOR_LOOP = "cursor_loop"
    NO_NEW_CREATORS = "no_new_creators"
    PROVIDER_FAILED = "provider_failed"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"

    @property
    def run_status(self) -> SearchStatus:
        return {
            RunEndReason.PROVIDER_FAILED: SearchStatus.ERROR,
            RunEndReason.QUOTA: SearchStatus.ERROR,
            RunEndReason.TIMEOUT: SearchStatus.TIMEOUT,
            RunEndReason.CANCELLED: SearchStatus.CANCELLED,
        }.get(self, SearchStatus.COMPLETED)


class ExclusionKind(StrEnum):
    """By what a creator is named on a list."""

    HANDLE = "handle"
    STABLE_ID = "stable_id"


class ImportStatus(StrEnum):
    """Of `search_jobs`, which start as `queued`."""

    QUEUED = "queued"
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"


class StoredPlatform(StrEnum):
    """What `scraping_jobs.platform` may hold: the platforms, and the spelling of older rows."""

    TIKTOK_OF_OLD = "Tiktok"
    TIKTOK = "TikTok"
    INSTAGRAM = "Instagram"
    YOUTUBE = "YouTube"


class OnboardingStep(StrEnum):
    PENDING = "pending"
    INFO_CAPTURED = "info_captured"
    INTENT_CAPTURED = "intent_captured"
    PLAN_SELECTED = "plan_selected"
    COMPLETED = "completed"


class TrialStatus(StrEnum):
    """`cancelled` with two Ls."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CONVERTED = "converted"


class SubscriptionStatus(StrEnum):
    """`canceled` with one L."""

    NONE = "none"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELED = "canceled"
    UNPAID = "unpaid"


class BillingSyncStatus(StrEnum):
    PENDING = "pending"
    SYNCED = "synced"
    ERROR = "error"


class ProcessingStatus(StrEnum):
    """Of an event's consequences."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class JobStatus(StrEnum):
    """Of a background job. A retry is `pending` with a later time; `failed` has been given up."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AggregateType(StrEnum):
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


class SourceSystem(StrEnum):
    STRIPE_WEBHOOK = "stripe_webhook"
    CLERK_WEBHOOK = "clerk_webhook"
    ADMIN_ACTION = "admin_action"
    USER_ACTION = "user_action"
    SYSTEM_AUTOMATION = "system_automation"
    QSTASH_JOB = "qstash_job"


class ValueType(StrEnum):
    """How `system_configurations.value` is read."""

    NUMBER = "number"
    DURATION = "duration"
    BOOLEAN = "boolean"
    STRING = "string"


class TextBoolean(StrEnum):
    """A boolean in a column that holds text."""

    TRUE = "true"
    FALSE = "false"


class ProviderCallStatus(StrEnum):
    """`abandoned`: the process died between the call and its commit."""

    ESTIMATED = "estimated"
    CHARGED = "charged"
    FAILED = "failed"
    ABANDONED = "abandoned"


class OutboxStatus(StrEnum):
    """Of a message to the outside. `unknown`: nobody knows whether it left; an operator decides."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class ApiScope(StrEnum):
    """What a program's key may be good for."""

    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    SEARCHES_READ = "searches:read"
    SEARCHES_WRITE = "searches:write"
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"
    ADMIN = "admin"


class InboxStatus(StrEnum):
    """Of a message from the outside. `failed`: the last attempt to process it failed."""

    RECEIVED = "received"
    PROCESSED = "processed"
    FAILED = "failed"


class EmailType(StrEnum):
    """What is mailed to users; the keys of `user_system_data.email_schedule_status`."""

    WELCOME = "welcome"
    ABANDONMENT = "abandonment"
    TRIAL_DAY2 = "trial_day2"
    TRIAL_DAY5 = "trial_day5"
    TRIAL_EXPIRY = "trial_expiry"
    SUBSCRIPTION_WELCOME = "subscription_welcome"
    CAMPAIGN_FINISHED = "campaign_finished"
    EXPORT_READY = "export_ready"


class EmailStatus(StrEnum):
    """Under such a key. `failed`: surely not sent, or nobody knows; the outbox tells the two apart."""

    SCHEDULED = "scheduled"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CANCELLED_SUBSCRIPTION = "cancelled_subscription"


class UnsubscriptionSource(StrEnum):
    """How a user said that they want no marketing."""

    LINK = "link"
    ACCOUNT = "account"
    OPERATOR = "operator"


class ExportFormat(StrEnum):
    """The kind of file. `jsonl`: one JSON document on each line. `xlsx`: an Excel workbook."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"


class ExportState(StrEnum):
    """`running` once a worker writes the file."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class LinkPurpose(StrEnum):
    """What a link that works once is for. `first`: to become the first administrator."""

    SIGN_UP = "sign_up"
    INVITATION = "invitation"
    FIRST = "first"
    RESET = "reset"
    VERIFICATION = "verification"
    MEMBERSHIP = "membership"


class MemberRole(StrEnum):
    """What a member of an account may do in it: an editor changes its data, a viewer does not."""

    EDITOR = "editor"
    VIEWER = "viewer"


class Enhancement(StrEnum):
    """How far a creator's enrichment is; `skipped`: the account is gone or closed, or nothing was left."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"


class EnrichmentStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"


class CandidateState(StrEnum):
    """`waiting`: for a profile, without which a criterion cannot be judged."""

    WAITING = "waiting"
    ADMITTED = "admitted"
    LEFT_OUT = "left_out"
