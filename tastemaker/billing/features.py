"""What a plan lets a user do: the one place that knows the features, and that refuses what is not included.

A feature is the user's own where `user_usage.plan_features` has it, else that of the plan. One that neither
names is not included.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from tastemaker.billing import plan_queries
from tastemaker.core.errors import InvalidInput, LimitReached
from tastemaker.core.ids import ExternalUserId
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import Tenant
from tastemaker.db.enums import ExportFormat
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, read_one

UNLIMITED: Final = -1

WithEmails = TypeVar("WithEmails", bound=Any)
"""A row with `emails`."""

FORMAT_NAMES: Final = {
    ExportFormat.CSV: "CSV",
    ExportFormat.XLSX: "Excel",
    ExportFormat.JSON: "JSON",
    ExportFormat.JSONL: "JSON",
    ExportFormat.PARQUET: "JSON",
}
"""What a plan calls the kind of a file; who may have JSON may have every form for programs."""


class NotInPlan(LimitReached):
    """The plan does not include it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the plan of a user includes. -1 is unlimited; `seats` counts the members beside the owner."""

    platforms: frozenset[str]
    export_formats: frozenset[str]
    shows_emails: bool
    has_api: bool
    enrichments: int
    seats: int

    def refuse_platform(self, platform: Platform) -> None:
        """Raises NotInPlan."""
        if platform.value not in self.platforms:
            raise NotInPlan(f"Your plan does not include {platform.value}.")

    def refuse_format(self, kind: ExportFormat) -> None:
        """Raises NotInPlan."""
        if FORMAT_NAMES[kind] not in self.export_formats:
            raise NotInPlan(f"Your plan does not include files of kind {kind.value}.")

    def refuse_api(self) -> None:
        """Raises NotInPlan."""
        if not self.has_api:
            raise NotInPlan("Your plan does not include the API.")

    def refuse_seat(self, taken: int) -> None:
        """`taken`: members there are already. Raises NotInPlan."""
        if self.seats != UNLIMITED and taken >= self.seats:
            raise NotInPlan(f"Your plan includes {self.seats} members, and {taken} are taken.")


async def find_features(tx: Transaction, user_id: ExternalUserId) -> Features:
    """Of a user; without a plan nothing is included."""
    found = await tx.one(plan_queries.FIND_FEATURES, user_id=user_id)
    return read_features(found or {})


async def without_hidden_emails(
    tx: Transaction, user_id: ExternalUserId, rows: Sequence[WithEmails]
) -> list[WithEmails]:
    """The rows as the plan shows them: without the addresses where it does not include any."""
    if not any(row.emails for row in rows) or (await find_features(tx, user_id)).shows_emails:
        return list(rows)
    return [replace(row, emails=()) for row in rows]


async def shows_emails(database: Database, user_id: ExternalUserId) -> bool:
    """Whether files may have the addresses."""
    found = await read_one(database, Tenant(user_id), plan_queries.FIND_FEATURES, user_id=user_id)
    return read_features(found or {}).shows_emails


async def refuse_programs(database: Database, user_id: ExternalUserId) -> None:
    """Before each call of the API. Raises NotInPlan."""
    found = await read_one(database, Tenant(user_id), plan_queries.FIND_FEATURES, user_id=user_id)
    read_features(found or {}).refuse_api()


def read_features(given: Mapping[str, Any]) -> Features:
    """What is of another type than it should be counts as not included."""
    return Features(
        platforms=frozenset(_words(given.get("platforms"))),
        export_formats=frozenset(_words(given.get("exportFormats"))),
        shows_emails=given.get("emailExtraction") is True,
        has_api=given.get("apiAccess") is True,
        enrichments=_count(given.get("enrichmentsPerMonth")),
        seats=_count(given.get("seats")),
    )


def checked_features(typed: Mapping[str, object]) -> dict[str, object]:
    """As they are stored. Raises InvalidInput for a name or a value that no plan has."""
    for name, value in typed.items():
        kind = KINDS.get(name)
        if kind is None:
            raise InvalidInput(f"{name[:50]!r} is no feature of a plan: {', '.join(KINDS)}.")
        if not kind.accepts(value):
            raise InvalidInput(f"{name} takes {kind.meaning}.")
    return dict(typed)


def parse_feature(typed: str) -> tuple[str, object]:
    """`seats=5`, `apiAccess=true`, `platforms=TikTok,YouTube`. Raises InvalidInput."""
    name, has_value, text = typed.partition("=")
    kind = KINDS.get(name.strip())
    if not has_value or kind is None:
        raise InvalidInput(f"A feature is NAME=VALUE; names are {', '.join(KINDS)}.")
    value = kind.parse(text.strip())
    checked_features({name.strip(): value})
    return name.strip(), value


@dataclass(frozen=True, slots=True)
class _Kind:
    meaning: str
    accepts: Callable[[object], bool]
    parse: Callable[[str], object]


def _listing(*words: str) -> _Kind:
    return _Kind(
        f"a list of {', '.join(words)}",
        lambda value: isinstance(value, list) and all(word in words for word in value),
        lambda text: [word.strip() for word in text.split(",") if word.strip()],
    )


_SWITCH: Final = _Kind(
    "true or false",
    lambda value: isinstance(value, bool),
    lambda text: {"true": True, "false": False}.get(text.lower(), text),
)
_NUMBER: Final = _Kind(
    "a number, -1 for unlimited",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= UNLIMITED,
    lambda text: int(text) if text.removeprefix("-").isdigit() else text,
)
_TEXT: Final = _Kind("a word", lambda value: isinstance(value, str) and len(value) <= 50, str)  # noqa: PLR2004 - a length

KINDS: Final[Mapping[str, _Kind]] = {
    "platforms": _listing(*(platform.value for platform in Platform)),
    "exportFormats": _listing("CSV", "Excel", "JSON"),
    "emailExtraction": _SWITCH,
    "bioExtraction": _SWITCH,
    "advancedFiltering": _SWITCH,
    "apiAccess": _SWITCH,
    "prioritySupport": _SWITCH,
    "customIntegrations": _SWITCH,
    "dedicatedSupport": _SWITCH,
    "enrichmentsPerMonth": _NUMBER,
    "seats": _NUMBER,
    "support": _TEXT,
}
"""Every feature that a plan may name. The last three switches and `support` are about help by people."""


def _words(given: object) -> list[str]:
    return [word for word in given if isinstance(word, str)] if isinstance(given, list) else []


def _count(given: object) -> int:
    return given if isinstance(given, int) and not isinstance(given, bool) else 0
