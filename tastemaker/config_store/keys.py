"""Every configuration key that anything reads, once. `docs/reference/configuration.md` says the same.

A key without a reader must not be declared; a test looks whether the reader reads it.
"""

from datetime import timedelta
from typing import Final

from tastemaker.config_store.declaring import duration_key, flag_key

STANDARD_JOB_TIMEOUT: Final = duration_key(
    "timeouts",
    "standard_job_timeout",
    default=timedelta(hours=1),
    least=timedelta(seconds=10),
    most=timedelta(days=7),
    meaning="How long a search on YouTube or TikTok may take, parked time not counted, until it times out.",
    reader="searches.runner",
)
INSTAGRAM_JOB_TIMEOUT: Final = duration_key(
    "timeouts",
    "instagram_job_timeout",
    default=timedelta(hours=1),
    least=timedelta(seconds=10),
    most=timedelta(days=7),
    meaning="The same for Instagram, whose provider is slower.",
    reader="searches.runner",
)
PARK_ON_QUOTA: Final = flag_key(
    "searches",
    "park_on_quota",
    default=True,
    meaning="Whether a search waits for its provider's quota; otherwise it ends, with outcome `quota`.",
    reader="searches.runner",
)
LONGEST_PARKING: Final = duration_key(
    "searches",
    "longest_parking",
    default=timedelta(days=2),
    least=timedelta(seconds=1),
    most=timedelta(days=31),
    meaning="A quota that needs longer to come back is not waited for.",
    reader="searches.runner",
)
ENABLE_EVENT_REPLAY: Final = flag_key(
    "event_sourcing",
    "enable_event_replay",
    default=True,
    meaning="Whether an administrator may have events delivered again.",
    reader="cli.event_commands",
)
YOUTUBE_CONTACTS_CONFIRMED: Final = flag_key(
    "providers",
    "youtube_contacts_confirmed",
    default=False,
    meaning="YouTube's policy on contact data is met by consent or permission: addresses are read "
    "out of live channels' descriptions.",
    reader="cli.sources",
    hot=False,
)
YOUTUBE_DERIVED_CONFIRMED: Final = flag_key(
    "providers",
    "youtube_derived_confirmed",
    default=False,
    meaning="YouTube's permission to derive metrics from its data is at hand.",
    reader="cli.sources",
    hot=False,
)
