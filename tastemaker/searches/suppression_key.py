"""The key under which suppressed people are hashed. It is never in the database that it protects."""

import hmac
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tastemaker.core.ids import new_token
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.words import ExclusionKind

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
    path = settings.home / FILE
    return SuppressionKey(path.read_text().strip().encode()) if path.is_file() else None


def ensure_key(settings: Settings) -> SuppressionKey:
    """A new one, in the data directory and for its owner alone, where there is none."""
    known = find_key(settings)
    return known or _make(settings.home / FILE, settings)


def _make(path: Path, settings: Settings) -> SuppressionKey:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first
        return find_key(settings) or _make(path, settings)
    with os.fdopen(handle, "w") as file:
        file.write(new_token(32))
    return SuppressionKey(path.read_text().strip().encode())
