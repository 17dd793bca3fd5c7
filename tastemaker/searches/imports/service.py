"""Importing a file into a campaign: batch by batch, each in its own transaction, and harmless when repeated.

The import is named by campaign and file, and each of its rows by the creator, so that the same file once
more, also after a kill, adds what is missing and nothing else. The catalog gets platform and id or handle;
values stay with the tenant (`search_results`), unless an administrator imports for the installation.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.campaigns.queries import Campaign
from tastemaker.catalog.document_queries import write_documents
from tastemaker.core.accounts import fold_handle
from tastemaker.core.errors import Conflict, InvalidInput
from tastemaker.db.enums import CampaignStatus, ExclusionKind
from tastemaker.db.pool import Database
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.creator_payloads import CreatorsImported
from tastemaker.events.names import Source
from tastemaker.events.service import record
from tastemaker.searches.exclusions.names import NO_KEY_ID, SuppressionKey
from tastemaker.searches.exclusions.queries import has_other_key, list_suppressed
from tastemaker.searches.exclusions.service import WrongSuppressionKey, require_administrator
from tastemaker.searches.imports import queries
from tastemaker.searches.imports.reading import (
    ImportColumn,
    ImportedCreator,
    OpenImport,
    Reading,
    RowError,
    batches,
    open_import,
)

AT_ONCE: Final = 1_000
MOST_ROWS: Final = 1_000_000
ERRORS_KEPT: Final = 1_000
PREVIEWED_ROWS: Final = 200

OnProgress = Callable[[int], None]


@dataclass(slots=True, kw_only=True)
class ImportSummary:
    """What became of each row: `new` in the campaign, `known` there before, repeated, left out, or refused.

    `repeated` rows name a creator of an earlier row. `left_out` are people that nobody may store. `errors`
    are the first thousand of `refused` rows and of values that were not taken.
    """

    id: str
    campaign_id: UUID
    rows: int = 0
    new: int = 0
    known: int = 0
    repeated: int = 0
    left_out: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    errors: list[RowError] = field(default_factory=list)
    columns: Sequence[ImportColumn] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPreview:
    """How the file would be read, by its first rows."""

    columns: Sequence[ImportColumn]
    creators: Sequence[ImportedCreator]
    errors: Sequence[RowError]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    import_id: str
    user: CurrentUser
    campaign: Campaign
    key: SuppressionKey | None
    for_installation: bool


def preview(path: Path, reading: Reading, *, name: str | None = None) -> ImportPreview:
    """Raises InvalidInput."""
    with open_import(path, reading, name=name) as opened:
        rows = next(batches(opened.rows, PREVIEWED_ROWS), ())
        return ImportPreview(
            columns=opened.columns,
            creators=[one for one in rows if isinstance(one, ImportedCreator)],
            errors=[one for one in rows if isinstance(one, RowError)],
            notes=opened.notes,
        )


async def import_file(  # noqa: PLR0913 - where to, what, and how
    database: Database,
    user: CurrentUser,
    campaign: Campaign,
    path: Path,
    reading: Reading,
    *,
    key: SuppressionKey | None,
    name: str | None = None,
    for_installation: bool = False,
    on_progress: OnProgress | None = None,
) -> ImportSummary:
    """Raises InvalidInput, Conflict for an archived campaign, AdministratorRequired, WrongSuppressionKey."""
    if campaign.status == CampaignStatus.ARCHIVED:
        raise Conflict(f"The campaign “{campaign.name}” is archived. Restore it first.")
    if for_installation:
        require_administrator(user)
    import_id = await asyncio.to_thread(_import_id, campaign, path, reading)
    target = _Target(
        import_id=import_id, user=user, campaign=campaign, key=key, for_installation=for_installation
    )
    report = ImportSummary(id=import_id, campaign_id=campaign.id)
    with open_import(path, reading, name=name) as opened:
        report.columns, report.notes = opened.columns, opened.notes
        await _read_all(database, target, opened, report, on_progress)
    if not report.new and not report.known and not report.repeated and report.refused:
        first = report.errors[0]
        raise InvalidInput(
            f"No row can be imported. Line {first.line}: {first.reason}"
            + (f" ({first.detail})." if first.detail else ".")
        )
    await in_transaction(database, user.claim, lambda tx: _finish(tx, target, report))
    return report


async def _read_all(
    database: Database,
    target: _Target,
    opened: OpenImport,
    report: ImportSummary,
    on_progress: OnProgress | None,
) -> None:
    rows = batches(opened.rows, AT_ONCE)
    seen: set[int] = set()
    while batch := await asyncio.to_thread(next, rows, ()):
        creators: list[ImportedCreator] = []
        for one in batch:
            if isinstance(one, RowError):
                _note(report, one)
            else:
                creators.append(one)
        report.rows += len(creators)
        if report.rows > MOST_ROWS:
            raise InvalidInput(f"A file may have at most {MOST_ROWS:,} rows. Split it.")
        fresh = [one for one in creators if not _is_repeated(one, seen)]
        report.repeated += len(creators) - len(fresh)
        if fresh:
            new, left_out = await in_transaction(
                database,
                target.user.claim,
                lambda tx, part=fresh: _store(tx, target, part),  # type: ignore[misc]  # the batch of this round
            )
            report.new += new
            report.left_out += left_out
            report.known += len(fresh) - new - left_out
        if on_progress:
            on_progress(report.rows + report.refused)


def _is_repeated(one: ImportedCreator, seen: set[int]) -> bool:
    """A hash for each creator, so that a million of them takes a few dozen megabytes."""
    key = hash((one.platform, one.key))
    if key in seen:
        return True
    seen.add(key)
    return False


def _note(report: ImportSummary, error: RowError) -> None:
    is_value = " is left out: " in error.reason
    if not is_value:
        report.refused += 1
        report.rows += 1
    report.reasons[error.reason] += 1
    if len(report.errors) < ERRORS_KEPT:
        report.errors.append(error)


async def _store(tx: Transaction, target: _Target, given: Sequence[ImportedCreator]) -> tuple[int, int]:
    """How many the campaign did not have, and how many may not be stored."""
    await tx.run(queries.BEGIN, id=target.import_id, campaign_id=target.campaign.id)
    if await tx.one(queries.LOCK, user_id=target.user.user_id, id=target.import_id) is None:
        raise Conflict("The campaign is being deleted.")
    creators = await _without_suppressed(tx, target.key, given)
    if not creators:
        return 0, len(given)
    wanted = [(one.platform.value, (one.handle or "").lower()) for one in creators if not one.stable_id]
    accounts = await queries.find_accounts(tx, wanted)
    names: dict[tuple[str, str], str | None] = {}
    rows = []
    for one in creators:
        platform = one.platform.value
        account = one.stable_id or accounts.get((platform, (one.handle or "").lower()))
        names[platform, account or one.key] = None if account else one.handle
        rows.append((one, account or one.key))
    ids = await queries.add_names(tx, names)
    by_creator = {
        ids[one.platform.value, stable_id]: _row(target, one, stable_id, ids[one.platform.value, stable_id])
        for one, stable_id in reversed(rows)
    }
    sent = queries.as_json([*by_creator.values()])
    if target.for_installation:
        await tx.run(queries.FILL_CATALOG, creators=sent)
    await write_documents(tx, [*ids.values()])
    await tx.run(queries.ADD_RESULTS, creators=sent, import_id=target.import_id)
    new = await tx.only(
        queries.ADD_TO_CAMPAIGN,
        creators=sent,
        user_id=target.user.user_id,
        campaign_id=target.campaign.id,
    )
    return new, len(given) - len(creators)


def _row(target: _Target, one: ImportedCreator, stable_id: str, creator_id: int) -> dict[str, Any]:
    return {
        "id": uuid5(target.campaign.id, f"{target.import_id} {one.platform.value} {stable_id}"),
        "creator_id": creator_id,
        "line": one.line,
        "platform": one.platform.value,
        "stable_id": stable_id,
        "username": one.handle or one.name or stable_id,
        "handle": one.handle,
        "name": one.name,
        "bio": one.bio,
        "followers": one.followers,
        "verified": one.verified,
        "email": one.email,
        "country": one.country,
        "language": one.language,
        "profile_url": one.profile_url,
        "avatar_url": one.avatar_url,
        "post_url": one.post_url,
        "post_text": one.post_text,
        "views": one.views,
        "likes": one.likes,
        "raw": dict(one.raw),
    }


async def _without_suppressed(
    tx: Transaction, key: SuppressionKey | None, given: Sequence[ImportedCreator]
) -> Sequence[ImportedCreator]:
    if await has_other_key(tx, key.id if key else NO_KEY_ID):
        raise WrongSuppressionKey(
            "Somebody is suppressed under another key: set TASTEMAKER_SUPPRESSION_KEY to that one."
        )
    if key is None:
        return given
    digests = {id(one): _digests(key, one) for one in given}
    gone = await list_suppressed(tx, [one for several in digests.values() for one in several])
    return [one for one in given if not gone.intersection(digests[id(one)])] if gone else given


def _digests(key: SuppressionKey, one: ImportedCreator) -> list[str]:
    digests = []
    if one.stable_id:
        digests.append(key.digest(one.platform, ExclusionKind.STABLE_ID, one.stable_id))
    if one.handle:
        digests.append(key.digest(one.platform, ExclusionKind.HANDLE, fold_handle(one.handle)))
    return digests


async def _finish(tx: Transaction, target: _Target, report: ImportSummary) -> None:
    user_id = target.user.user_id
    done = await tx.one(queries.LOCK, user_id=user_id, id=target.import_id)
    await tx.run(queries.FINISH, user_id=user_id, id=target.import_id, rows=report.rows)
    if done is False:
        event = CreatorsImported(
            import_id=target.import_id, rows=report.rows, added=report.new, refused=report.refused
        )
        await record(
            tx,
            event,
            aggregate_id=str(target.campaign.id),
            identifier=target.import_id,
            source=Source.USER_ACTION,
            tenant_id=user_id,
        )


def _import_id(campaign: Campaign, path: Path, reading: Reading) -> str:
    """The same for the same file, read in the same way, into the same campaign."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    how = sorted(reading.columns.items()), reading.platform, reading.with_posts
    return f"import-{uuid5(campaign.id, f'{digest.hexdigest()} {how}')}"
