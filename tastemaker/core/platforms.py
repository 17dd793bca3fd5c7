"""The platforms, each with one spelling per place."""

from enum import StrEnum

from tastemaker.core.errors import InvalidInput


class Platform(StrEnum):
    """The value is the database's spelling; people and URLs use `slug`."""

    TIKTOK = "TikTok"
    INSTAGRAM = "Instagram"
    YOUTUBE = "YouTube"

    @property
    def slug(self) -> str:
        return self.value.lower()

    @classmethod
    def _missing_(cls, value: object) -> "Platform | None":
        """The original product's databases spell it `Tiktok`, too."""
        return next((one for one in cls if isinstance(value, str) and one.slug == value.lower()), None)

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """Any case is understood, also the original product's `Tiktok`. Raises InvalidInput."""
        for platform in cls:
            if platform.slug == text.strip().lower():
                return platform
        known = ", ".join(platform.slug for platform in cls)
        raise InvalidInput(f"Unknown platform {text[:40]!r}. Choose one of: {known}, all.")
