"""Previews of all e-mails with made-up facts: the pages in `docs/reference/emails/`.

`python -m tastemaker.mail.previews FOLDER` writes them; a test fails when they are stale.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tastemaker.core.ids import ExternalUserId
from tastemaker.db.enums import CampaignStatus, EmailType, OnboardingStep, SubscriptionStatus, TrialStatus
from tastemaker.mail.compose import Links, Rendered, render
from tastemaker.mail.kinds import KINDS, CampaignFacts, Facts

APP_URL: Final = "https://tastemaker.example.com"
UNSUBSCRIBE_URL: Final = f"{APP_URL}/email/unsubscriptions/made-up"

MADE_UP: Final = Facts(
    user_id=ExternalUserId("user_made_up"),
    address="robin@example.org",
    full_name="Robin Example",
    onboarding_step=OnboardingStep.PENDING,
    plan_name="Glow Up Plan",
    subscription_status=SubscriptionStatus.NONE,
    trial_status=TrialStatus.ACTIVE,
    trial_ends_at=datetime(2026, 6, 8, 9, 30, tzinfo=UTC),
    wants_marketing=True,
    campaign=CampaignFacts(
        id="made-up", name="Street food & friends", status=CampaignStatus.COMPLETED, creators=1234
    ),
)


def preview(email: EmailType) -> Rendered:
    links = Links(app=APP_URL, unsubscribe=UNSUBSCRIBE_URL if KINDS[email].is_marketing else None)
    return render(email, MADE_UP, links)


def pages() -> Iterator[tuple[str, str]]:
    """Name of each file, and what is in it."""
    for email in KINDS:
        rendered = preview(email)
        yield f"{email.value}.html", rendered.html.rstrip() + "\n"
        yield f"{email.value}.txt", f"Subject: {rendered.subject}\n\n{rendered.text}"


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pages():
        (folder / name).write_text(content)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
