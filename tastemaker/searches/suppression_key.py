"""The key under which suppressed people are hashed. It is never in the database that it protects."""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from tastemaker.core.platforms import Platform
from tastemaker.core.secret_files import ensure_secret, find_secret
from tastemaker.core.settings import Settings
from tastemaker.db.enums import ExclusionKind

FILE = "suppression.key"
KEY_ID_LENGTH = 16
NO_KEY_ID = ""


@dataclass(frozen=True, slots=True)
class SuppressionKey:
    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells two keys apart and nothing else about them."""
        return self._hash("key id")[:KEY_ID_LENGTH]

    def digest(self, platform: Platform, kind: ExclusionKind, value: str) -> str:
        """`value` as it is compared: a folded handle, or an id."""
        return self._hash(f"{platform.value}\0{kind.value}\0{value}")

    def _hash(self, text: str) -> str:
        return hmac.new(self.secret, text.encode(), sha256).hexdigest()


def find_key(settings: Settings) -> SuppressionKey | None:
    """The setting's, else the data directory's; None where nobody has ever been suppressed from here."""
    if settings.suppression_key is not None:
        return SuppressionKey(settings.suppression_key.get_secret_value().encode())
    known = find_secret(settings.home / FILE)
    return None if known is None else SuppressionKey(known.encode())


def ensure_key(settings: Settings) -> SuppressionKey:
    """A new one, in the data directory and for its owner alone, where there is none."""
    return find_key(settings) or SuppressionKey(ensure_secret(settings.home / FILE).encode())
