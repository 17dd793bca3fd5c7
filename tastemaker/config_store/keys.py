"""Declares every configuration key. `docs/reference/configuration.md` lists the same keys.

A test checks that something reads each key.
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
        meaning=f"Whether workers run live searches on {name}. If false, they wait.",
    )


STANDARD_JOB_TIMEOUT: Final = duration_key(
    "timeouts",
    "standard_job_timeout",
    default=timedelta(hours=1),
    least=timedelta(seconds=10),
    most=timedelta(days=7),
    meaning="The time-out of a search on YouTube or TikTok. Parked time does not count.",
)
INSTAGRAM_JOB_TIMEOUT: Final = duration_key(
    "timeouts",
    "instagram_job_timeout",
    default=timedelta(hours=1),
    least=timedelta(seconds=10),
    most=timedelta(days=7),
    meaning="The same for Instagram.",
)
PARK_ON_QUOTA: Final = flag_key(
    "searches",
    "park_on_quota",
    default=True,
    meaning="Whether a search waits for its provider's quota. If false, it ends with the outcome `quota`.",
)
LONGEST_PARKING: Final = duration_key(
    "searches",
    "longest_parking",
    default=timedelta(days=2),
    least=timedelta(seconds=1),
    most=timedelta(days=31),
    meaning="The longest wait for a quota. A search that would wait longer ends.",
)
MAX_API_CALLS_TIKTOK: Final = number_key(
    "api_limits",
    "max_api_calls_tiktok",
    default=1000,
    least=1,
    most=100_000,
    meaning="The most pages that one keyword of a TikTok search requests.",
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
    meaning="The number of background jobs that one worker runs at the same time.",
)
DEFAULT_RETRY_DELAY: Final = duration_key(
    "job_processing",
    "default_retry_delay",
    default=timedelta(seconds=30),
    most=timedelta(minutes=15),
    meaning="The delay before a failed background job runs again. It doubles with each failure.",
)
JOB_TIMEOUT: Final = duration_key(
    "job_processing",
    "job_timeout",
    default=timedelta(minutes=15),
    least=timedelta(seconds=1),
    most=timedelta(days=1),
    meaning="The time-out of a background job whose type sets none.",
)
COMPLETED_JOBS_RETENTION: Final = number_key(
    "cleanup",
    "completed_jobs_retention_days",
    default=30,
    most=3650,
    meaning="The number of days to keep completed background jobs.",
)
ERROR_JOBS_RETENTION: Final = number_key(
    "cleanup",
    "error_jobs_retention_days",
    default=7,
    most=3650,
    meaning="The number of days to keep failed background jobs.",
)
CANCELLED_JOBS_RETENTION: Final = number_key(
    "cleanup",
    "cancelled_jobs_retention_days",
    default=7,
    most=3650,
    meaning="The number of days to keep cancelled background jobs.",
)
ENABLE_EVENT_REPLAY: Final = flag_key(
    "event_sourcing",
    "enable_event_replay",
    default=True,
    meaning="Whether an administrator may replay events.",
)
YOUTUBE_CONTACTS_CONFIRMED: Final = flag_key(
    "providers",
    "youtube_contacts_confirmed",
    default=False,
    meaning="Confirms that you have the consent or permission that YouTube's policy requires for contact "
    "data. E-mail addresses are then read from the descriptions of live channels.",
    hot=False,
)
YOUTUBE_DERIVED_CONFIRMED: Final = flag_key(
    "providers",
    "youtube_derived_confirmed",
    default=False,
    meaning="Confirms that you have YouTube's permission to derive metrics from its data.",
    hot=False,
)
YOUTUBE_PAGES_AT_ONCE: Final = number_key(
    "providers",
    "youtube_pages_at_once",
    default=10,
    least=1,
    most=100,
    meaning="The number of concurrent page requests to YouTube, over all workers.",
)
SCRAPECREATORS_PAGES_AT_ONCE: Final = number_key(
    "providers",
    "scrapecreators_pages_at_once",
    default=10,
    least=1,
    most=100,
    meaning="The same for ScrapeCreators, over all its platforms.",
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
    meaning="After this many consecutive failures no worker calls the provider for 30 s. One probe follows.",
)
YOUTUBE_SEARCHES_A_DAY: Final = number_key(
    "providers",
    "youtube_searches_a_day",
    default=100,
    most=1_000_000_000,
    meaning="The key's daily quota of YouTube searches. One page takes one search.",
)
YOUTUBE_UNITS_A_DAY: Final = number_key(
    "providers",
    "youtube_units_a_day",
    default=10_000,
    most=1_000_000_000,
    meaning="The key's daily quota of YouTube units. One page takes two units.",
)
REUSE_PAGES_FOR: Final = duration_key(
    "providers",
    "reuse_pages_for",
    default=timedelta(days=1),
    most=timedelta(days=365),
    meaning="How long a stored page answers the same request again, at most as long as the provider's policy "
    "allows. 0s disables it.",
)
KEEP_PROFILES_FOR: Final = duration_key(
    "providers",
    "keep_profiles_for",
    default=timedelta(days=30),
    most=timedelta(days=365),
    meaning="How long a profile is stored, at most as long as the provider's policy allows. 0s disables it.",
)
ENRICH_AUTOMATICALLY: Final = flag_key(
    "searches",
    "enrich_automatically",
    default=False,
    meaning="Whether each search fetches at its end the profiles of creators whose bio no page told. Each "
    "profile is a call of the provider.",
)
KEEP_EXPORTS_FOR: Final = duration_key(
    "exports",
    "keep_for",
    default=timedelta(days=7),
    least=timedelta(minutes=1),
    most=timedelta(days=365),
    meaning="How long the file of an export is kept.",
)
INSTALLATION_BUDGET: Final = budget_key(
    "budgets",
    "installation_usd_a_month",
    meaning="The budget for all provider calls in a calendar month (UTC), in US dollars. -1 means no limit.",
)
USER_BUDGET: Final = budget_key(
    "budgets",
    "user_usd_a_month",
    meaning="The same for the calls of each user.",
)
ENABLE_RATE_LIMITING: Final = flag_key(
    "logging",
    "enable_rate_limiting",
    default=True,
    meaning="Whether the HTTP interface limits the rate of requests.",
)
RATE_LIMIT_PER_MINUTE: Final = number_key(
    "logging",
    "rate_limit_per_minute",
    default=600,
    least=1,
    most=1_000_000,
    meaning="The number of requests that one key may make in a minute, for each web process.",
)
OPEN_SIGN_UP: Final = flag_key(
    "accounts",
    "open_sign_up",
    default=True,
    meaning="Whether anybody may sign up at `/sign-up`. If false, people come by an administrator's link.",
)
EMAIL_ENABLED: Final = flag_key(
    "email",
    "enabled",
    default=True,
    meaning="Whether e-mails are sent. If false, e-mails that become due are cancelled.",
)
EMAIL_FROM_NAME: Final = text_key(
    "email",
    "from_name",
    default="Tastemaker",
    meaning="The sender's name.",
)
PAST_DUE_GRACE: Final = duration_key(
    "billing",
    "past_due_grace",
    default=timedelta(days=7),
    most=timedelta(days=60),
    meaning="How long an unpaid period keeps its plan, from the beginning of the period.",
)
EMAIL_LATEST: Final = duration_key(
    "email",
    "latest",
    default=timedelta(days=2),
    least=timedelta(minutes=1),
    most=timedelta(days=31),
    meaning="An e-mail that is overdue by more than this is cancelled.",
)
WELCOME_DELAY: Final = _email_delay(
    "welcome_delay", timedelta(minutes=10), "The delay between sign-up and the welcome e-mail."
)
ABANDONMENT_DELAY: Final = _email_delay(
    "abandonment_delay",
    timedelta(hours=2),
    "The delay between sign-up and the reminder to finish onboarding.",
)
TRIAL_DAY2_DELAY: Final = _email_delay(
    "trial_day2_delay",
    timedelta(days=2),
    "The delay between the start of a trial and the e-mail about its features.",
)
TRIAL_DAY5_DELAY: Final = _email_delay(
    "trial_day5_delay",
    timedelta(days=5),
    "The delay between the start of a trial and the e-mail about its end.",
)
TIKTOK_CONTINUATION_DELAY: Final = duration_key(
    "qstash_delays",
    "tiktok_continuation_delay",
    default=timedelta(seconds=2),
    most=timedelta(minutes=5),
    meaning="With QStash: the delay before the next time slice of a keyword on TikTok.",
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
