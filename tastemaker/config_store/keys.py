"""Every configuration key that the code reads. `docs/reference/configuration.md` lists the same.

A key without a reader must not be declared; a test looks for the reader.
"""

from datetime import timedelta
from typing import Final

from tastemaker.config_store.declaration import (
    ConfigKey,
    budget_key,
    duration_key,
    flag_key,
    number_key,
    text_key,
)


def _email_delay(key: str, default: timedelta, meaning: str) -> ConfigKey[timedelta]:
    most = timedelta(days=31)
    return duration_key("email", key, default=default, most=most, meaning=meaning)


def _switch(word: str, name: str) -> ConfigKey[bool]:
    return flag_key(
        "feature_flags",
        f"search_{word}",
        default=True,
        meaning=f"Whether live searches on {name} are worked on; until then they wait.",
    )


STANDARD_JOB_TIMEOUT: Final = duration_key(
    "timeouts",
    "standard_job_timeout",
    default=timedelta(hours=1),
    least=timedelta(seconds=10),
    most=timedelta(days=7),
    meaning="How long a search on YouTube or TikTok may take, parked time not counted, until it times out.",
)
INSTAGRAM_JOB_TIMEOUT: Final = duration_key(
    "timeouts",
    "instagram_job_timeout",
    default=timedelta(hours=1),
    least=timedelta(seconds=10),
    most=timedelta(days=7),
    meaning="The same for Instagram, whose provider is slower.",
)
PARK_ON_QUOTA: Final = flag_key(
    "searches",
    "park_on_quota",
    default=True,
    meaning="Whether a search waits for its provider's quota; otherwise it ends, with outcome `quota`.",
)
LONGEST_PARKING: Final = duration_key(
    "searches",
    "longest_parking",
    default=timedelta(days=2),
    least=timedelta(seconds=1),
    most=timedelta(days=31),
    meaning="A quota that needs longer to come back is not waited for.",
)
MAX_API_CALLS_TIKTOK: Final = number_key(
    "api_limits",
    "max_api_calls_tiktok",
    default=1000,
    least=1,
    most=100_000,
    meaning="Pages that one keyword of a TikTok search asks for, at most.",
)
SEARCH_YOUTUBE: Final = _switch("youtube", "YouTube")
SEARCH_TIKTOK: Final = _switch("tiktok", "TikTok")
SEARCH_INSTAGRAM: Final = _switch("instagram", "Instagram")
MAX_CONCURRENT_JOBS: Final = number_key(
    "job_processing",
    "max_concurrent_jobs",
    default=50,
    least=1,
    most=1000,
    meaning="Background jobs that one worker runs at the same time.",
)
DEFAULT_RETRY_DELAY: Final = duration_key(
    "job_processing",
    "default_retry_delay",
    default=timedelta(seconds=30),
    most=timedelta(minutes=15),
    meaning="Pause before a background job that failed is tried again; it doubles with each failure.",
)
JOB_TIMEOUT: Final = duration_key(
    "job_processing",
    "job_timeout",
    default=timedelta(minutes=15),
    least=timedelta(seconds=1),
    most=timedelta(days=1),
    meaning="How long one run of a background job may take, where its type does not say.",
)
COMPLETED_JOBS_RETENTION: Final = number_key(
    "cleanup",
    "completed_jobs_retention_days",
    default=30,
    most=3650,
    meaning="Days for which a completed background job is kept.",
)
ERROR_JOBS_RETENTION: Final = number_key(
    "cleanup",
    "error_jobs_retention_days",
    default=7,
    most=3650,
    meaning="Days for which a background job that was given up is kept.",
)
CANCELLED_JOBS_RETENTION: Final = number_key(
    "cleanup",
    "cancelled_jobs_retention_days",
    default=7,
    most=3650,
    meaning="Days for which a cancelled background job is kept.",
)
ENABLE_EVENT_REPLAY: Final = flag_key(
    "event_sourcing",
    "enable_event_replay",
    default=True,
    meaning="Whether an administrator may have events delivered again.",
)
YOUTUBE_CONTACTS_CONFIRMED: Final = flag_key(
    "providers",
    "youtube_contacts_confirmed",
    default=False,
    meaning="YouTube's policy on contact data is met by consent or permission: addresses are read "
    "out of live channels' descriptions.",
    hot=False,
)
YOUTUBE_DERIVED_CONFIRMED: Final = flag_key(
    "providers",
    "youtube_derived_confirmed",
    default=False,
    meaning="YouTube's permission to derive metrics from its data is at hand.",
    hot=False,
)
YOUTUBE_PAGES_AT_ONCE: Final = number_key(
    "providers",
    "youtube_pages_at_once",
    default=10,
    least=1,
    most=100,
    meaning="How many pages of YouTube are asked for at the same time, by all workers together.",
)
SCRAPECREATORS_PAGES_AT_ONCE: Final = number_key(
    "providers",
    "scrapecreators_pages_at_once",
    default=10,
    least=1,
    most=100,
    meaning="The same for ScrapeCreators, all its platforms together.",
)
OTHER_PAGES_AT_ONCE: Final = number_key(
    "providers",
    "other_pages_at_once",
    default=5,
    least=1,
    most=100,
    meaning="The same for each other provider.",
)
FAILURES_BEFORE_A_REST: Final = number_key(
    "providers",
    "failures_before_a_rest",
    default=5,
    least=1,
    most=1000,
    meaning="After so many failures in a row nobody calls a provider for 30 seconds; then one call tries.",
)
YOUTUBE_SEARCHES_A_DAY: Final = number_key(
    "providers",
    "youtube_searches_a_day",
    default=100,
    most=1_000_000_000,
    meaning="How many searches a day YouTube grants the key; one page is one search.",
)
YOUTUBE_UNITS_A_DAY: Final = number_key(
    "providers",
    "youtube_units_a_day",
    default=10_000,
    most=1_000_000_000,
    meaning="How many units a day YouTube grants the key; one page takes two.",
)
REUSE_PAGES_FOR: Final = duration_key(
    "providers",
    "reuse_pages_for",
    default=timedelta(days=1),
    most=timedelta(days=365),
    meaning="How long a page that was paid for answers the same question, at most as long as the provider's "
    "policy allows; 0s is never.",
)
KEEP_PROFILES_FOR: Final = duration_key(
    "providers",
    "keep_profiles_for",
    default=timedelta(days=30),
    most=timedelta(days=365),
    meaning="How long a profile that was paid for is kept, for whoever asks for one no older than that, at "
    "most as long as the provider's policy allows; 0s is not at all.",
)
INSTALLATION_BUDGET: Final = budget_key(
    "budgets",
    "installation_usd_a_month",
    meaning="What all calls to providers may cost in a calendar month (UTC), in US dollars; -1 is no limit.",
)
USER_BUDGET: Final = budget_key(
    "budgets",
    "user_usd_a_month",
    meaning="The same for the calls of one user.",
)
ENABLE_RATE_LIMITING: Final = flag_key(
    "logging",
    "enable_rate_limiting",
    default=True,
    meaning="Whether a program that calls the HTTP interface too often is told to wait.",
)
RATE_LIMIT_PER_MINUTE: Final = number_key(
    "logging",
    "rate_limit_per_minute",
    default=600,
    least=1,
    most=1_000_000,
    meaning="How many requests one key may make in a minute, in each web process.",
)
EMAIL_ENABLED: Final = flag_key(
    "email",
    "enabled",
    default=True,
    meaning="Whether mail is sent at all; what falls due meanwhile is cancelled.",
)
EMAIL_FROM_NAME: Final = text_key(
    "email",
    "from_name",
    default="Tastemaker",
    meaning="The name beside the sender's address.",
)
EMAIL_LATEST: Final = duration_key(
    "email",
    "latest",
    default=timedelta(days=2),
    least=timedelta(minutes=1),
    most=timedelta(days=31),
    meaning="What could not be sent so long after it was due, because nothing ran, is cancelled.",
)
WELCOME_DELAY: Final = _email_delay("welcome_delay", timedelta(minutes=10), "After signing up: the welcome.")
ABANDONMENT_DELAY: Final = _email_delay(
    "abandonment_delay", timedelta(hours=2), "After signing up: the reminder to finish onboarding."
)
TRIAL_DAY2_DELAY: Final = _email_delay(
    "trial_day2_delay", timedelta(days=2), "After a trial began: what it is good for."
)
TRIAL_DAY5_DELAY: Final = _email_delay(
    "trial_day5_delay", timedelta(days=5), "After a trial began: when it ends."
)
TIKTOK_CONTINUATION_DELAY: Final = duration_key(
    "qstash_delays",
    "tiktok_continuation_delay",
    default=timedelta(seconds=2),
    most=timedelta(minutes=5),
    meaning="With QStash: the pause before a keyword of a search on TikTok goes on.",
)
INSTAGRAM_CONTINUATION_DELAY: Final = duration_key(
    "qstash_delays",
    "instagram_reels_delay",
    default=timedelta(seconds=30),
    most=timedelta(minutes=5),
    meaning="The same for Instagram.",
)
YOUTUBE_CONTINUATION_DELAY: Final = duration_key(
    "qstash_delays",
    "youtube_continuation_delay",
    default=timedelta(seconds=5),
    most=timedelta(minutes=5),
    meaning="The same for YouTube.",
)
