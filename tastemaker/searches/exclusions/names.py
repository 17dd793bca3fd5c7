"""How creators are named on a list of exclusions: by handle or id, and hashed when suppressed."""

import csv
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from tastemaker.core.accounts import fold_handle, read_account, read_stable_id
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.core.private_files import ensure_secret, find_secret
from tastemaker.core.settings import Settings
from tastemaker.db.enums import ExclusionKind
from tastemaker.searches.results.export import FORMULA_STARTS

NAMING_COLUMNS = ("id", "profile url", "handle", "username")
"""What may name an account in a list; the first that a row fills counts."""

POST_COLUMNS = ("video url", "video/content url")
"""Older exports have only these: the address of a post on TikTok names its author."""

NO_ACCOUNT = (
    "this older export names the creator only by a title. Export the search again: the file then has "
    "`Handle` and `Profile URL`. Or search with --exclude-campaign."
)


@dataclass(frozen=True, slots=True)
class CreatorName:
    """A creator by its folded handle, or by the platform's stable id."""

    platform: Platform
    kind: ExclusionKind
    value: str


def name_creator(platform: str, name: str, *, is_id: bool = False) -> CreatorName:
    """By a handle, a profile's address or an id. Raises InvalidInput for what names no account."""
    reader = read_stable_id if is_id else read_account
    account = reader(name, Platform.parse(platform))
    if account.stable_id is not None:
        return CreatorName(account.platform, ExclusionKind.STABLE_ID, account.stable_id)
    return CreatorName(account.platform, ExclusionKind.HANDLE, fold_handle(account.handle or ""))


def read_list(lines: Iterable[str]) -> Iterator[CreatorName]:
    """A CSV with the column `platform` and one that names the account, in any order; also our own export.

    Raises InvalidInput, with the line, where a row names nobody: a list is never taken in part.
    """
    rows = csv.DictReader(lines)
    columns = {name.strip().lower(): name for name in rows.fieldnames or ()}
    naming = [name for name in (*NAMING_COLUMNS, *POST_COLUMNS) if name in columns]
    if "platform" not in columns or not naming:
        raise InvalidInput(
            "The list needs a first line with `platform` and `id`, `profile url`, `handle` or `username`."
        )
    for row in rows:
        said = {name: _unmarked((row[column] or "").strip()) for name, column in columns.items()}
        if not any(said.values()):
            continue
        column = next((name for name in naming if said[name]), naming[0])
        try:
            yield name_creator(said["platform"], said[column], is_id=column == "id")
        except InvalidInput as error:
            reason = NO_ACCOUNT if column in POST_COLUMNS else error
            raise InvalidInput(f"Line {rows.line_num}: {reason}") from None


def _unmarked(value: str) -> str:
    """A value of our own export without the apostrophe that marks it as text in a spreadsheet."""
    return value[1:] if value.startswith(tuple(f"'{start}" for start in FORMULA_STARTS)) else value


FILE = "suppression.key"


KEY_ID_LENGTH = 16


NO_KEY_ID = ""


@dataclass(frozen=True, slots=True)
class SuppressionKey:
    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Tells two keys apart without revealing them."""
        return self._hash("key id")[:KEY_ID_LENGTH]

    def digest(self, platform: Platform, kind: ExclusionKind, value: str) -> str:
        """`value` as it is compared: a folded handle, or an id."""
        return self._hash(f"{platform.value}\0{kind.value}\0{value}")

    def _hash(self, text: str) -> str:
        return hmac.new(self.secret, text.encode(), sha256).hexdigest()


def find_key(settings: Settings) -> SuppressionKey | None:
    """From the setting, else from the data directory. None: this machine has never suppressed anybody."""
    if settings.suppression_key is not None:
        return SuppressionKey(settings.suppression_key.get_secret_value().encode())
    known = find_secret(settings.home / FILE)
    return None if known is None else SuppressionKey(known.encode())


def ensure_key(settings: Settings) -> SuppressionKey:
    """Creates one in the data directory, readable by its owner alone, where there is none."""
    return find_key(settings) or SuppressionKey(ensure_secret(settings.home / FILE).encode())
