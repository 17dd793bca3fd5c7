"""People and campaigns for e-mails, none of them real."""

from dataclasses import replace

from tastemaker.db.enums import CampaignStatus
from tastemaker.mail.kinds import CampaignFacts, Facts
from tastemaker.mail.previews import MADE_UP

ROBIN = MADE_UP


def robin(**changed: object) -> Facts:
    return replace(ROBIN, **changed)  # type: ignore[arg-type]  # names and types as the caller's test says


def campaign(name: str, creators: int = 3) -> CampaignFacts:
    return CampaignFacts(id="c", name=name, status=CampaignStatus.COMPLETED, creators=creators)
