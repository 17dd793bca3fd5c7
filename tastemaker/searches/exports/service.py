"""Exports as files: asked for, found, deleted. `writing.py` writes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.billing.features import find_features
from tastemaker.campaigns.queries import Campaign
from tastemaker.catalog.filtering import filter_query
from tastemaker.config_store.hot_reload import Configuration
from tastemaker.config_store.keys import KEEP_EXPORTS_FOR
from tastemaker.core.errors import AppError, Conflict, NotFound
from tastemaker.core.platforms import Platform
from tastemaker.core.settings import Settings
from tastemaker.db.enums import ExportFormat, ExportState
from tastemaker.db.transaction import Transaction
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import JobType
from tastemaker.searches.exports import queries
from tastemaker.searches.exports.formats import refuse_missing_library
from tastemaker.searches.exports.queries import Export
from tastemaker.searches.results.export import CAMPAIGN_COLUMNS, Columns, columns_of, slug_of
from tastemaker.searches.results.filtering import EVERYTHING, ResultFilter, read_filter
from tastemaker.searches.results.paging import CampaignScope, Scope, SearchScope, Sort
from tastemaker.searches.results.queries import count_results
from tastemaker.searches.types import Search

MOST_OPEN: Final = 5
"""Exports of one user that wait or run."""

MOST_AT_ONCE: Final = 5_000
"""Creators in the file that one request is answered with."""

MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSON: "application/json",
    ExportFormat.JSONL: "application/jsonl",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}

MOST_CHOSEN: Final = 10_000
"""Creators that a selection names."""


class FileMissing(AppError):
    """The export is complete, but its file is not on this machine."""

    status: ClassVar[int] = 410


class WriteExport(BaseModel):
    """Write the file of an export. Harmless when it comes twice."""

    model_config = ConfigDict(frozen=True)

    user_id: str
    export_id: UUID


WRITE_EXPORT = JobType(name="write_export", payload=WriteExport, max_retries=3, timeout=3600)


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """The private folder of the files, in the data directory. A part file is one that is being written."""

    path: Path

    def file(self, export_id: UUID) -> Path:
        return self.path / str(export_id)

    def part(self, export_id: UUID) -> Path:
        return self.path / f"{export_id}.part"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSelection:
    """Which creators of a campaign, or of one of its searches, are in a file, and in what order.

    `only` and `besides` are ids of chosen creators: these alone, or all but these.
    """

    campaign: Campaign
    search: Search | None = None
    wanted: ResultFilter = EVERYTHING
    sort: Sort = Sort.POSITION
    only: Sequence[int] = ()
    besides: Sequence[int] = ()

    @property
    def scope(self) -> Scope:
        return CampaignScope(self.campaign.id) if self.search is None else SearchScope((self.search.id,))

    @property
    def chosen(self) -> Mapping[str, object]:
        """Further filters."""
        given = {"only": list(self.only), "besides": list(self.besides)}
        return {name: ids for name, ids in given.items() if ids}

    @property
    def platform(self) -> Platform | None:
        return None if self.search is None else self.search.platform


def export_folder(settings: Settings) -> ExportFolder:
    return ExportFolder(settings.home / "exports")


def layout_of(platform: Platform | None) -> Columns:
    """The columns of a search on the platform; None is a campaign."""
    return CAMPAIGN_COLUMNS if platform is None else columns_of([platform])


def file_name(selection: ExportSelection, kind: ExportFormat) -> str:
    """`chess-tiktok.csv`: letters and digits of any script, and dashes."""
    platform = f" {selection.platform.value}" if selection.platform else ""
    return f"{slug_of(selection.campaign.name + platform)}.{kind.value}"


def file_headers(name: str) -> dict[str, str]:
    """Of a download under this name, which has letters, digits and dashes of any script."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"}


async def start_export(
    tx: Transaction, user: CurrentUser, selection: ExportSelection, kind: ExportFormat, config: Configuration
) -> Export:
    """Ask a worker for a file.

    Raises NotInPlan; Conflict where too many exports of the user are under way, and FormatNotInstalled.
    """
    refuse_missing_library(kind)
    (await find_features(tx, user.user_id)).refuse_format(kind)
    if await tx.only(queries.COUNT_OPEN, user_id=user.user_id) >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} exports are under way. Wait until one is complete, or delete one.")
    total = await count_results(
        tx, user.user_id, selection.scope, wanted=selection.wanted, more=selection.chosen
    )
    kept = {"filter": filter_query(selection.wanted), "sort": selection.sort.value, **selection.chosen}
    export_id = await tx.only(
        queries.INSERT,
        user_id=user.user_id,
        campaign_id=selection.campaign.id,
        search_id=selection.search.id if selection.search else None,
        platform=selection.platform.value if selection.platform else None,
        format=kind.value,
        selection=orjson.dumps(kept).decode(),
        total=total,
        file_name=file_name(selection, kind),
        seconds=config[KEEP_EXPORTS_FOR].total_seconds(),
    )
    await publish(
        tx,
        WRITE_EXPORT,
        WriteExport(user_id=user.user_id, export_id=export_id),
        tenant_id=user.user_id,
        lock_key=f"export:{export_id}",
        correlation_id=str(export_id),
    )
    return await get_export(tx, user, export_id)


async def get_export(tx: Transaction, user: CurrentUser, export_id: UUID) -> Export:
    """Raises NotFound."""
    found = await queries.find_export(tx, user.user_id, export_id)
    if found is None:
        raise NotFound("There is no such export.")
    return found


async def delete_export(tx: Transaction, user: CurrentUser, export: Export) -> None:
    """The worker stops where it writes; the file is deleted by who calls this, after the commit."""
    await tx.run(queries.DELETE, user_id=user.user_id, id=export.id)


def file_of(export: Export, folder: ExportFolder) -> Path:
    """The complete file. Raises Conflict where it is not complete, FileMissing."""
    if export.state is not ExportState.COMPLETED:
        raise Conflict(f"This export is not complete: it is {export.state.value}.")
    path = folder.file(export.id)
    if not path.is_file():
        raise FileMissing("The file of this export is not on this machine. Start the export again.")
    return path


def scope_of(export: Export) -> Scope:
    return CampaignScope(export.campaign_id) if export.search_id is None else SearchScope((export.search_id,))


def read_selection(kept: Mapping[str, Any]) -> tuple[ResultFilter, Sort, Mapping[str, object]]:
    """Filter, order and further filters, as `start_export` has stored them."""
    chosen = {name: kept[name] for name in ("only", "besides") if name in kept}
    return read_filter((name, value) for name, value in kept["filter"]), Sort(kept["sort"]), chosen
