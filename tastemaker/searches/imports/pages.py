"""`/campaigns/{id}/import`: a file is uploaded, its columns are checked, its creators enter the campaign."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import Response

from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.campaigns.queries import Campaign
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.clock import utc_now
from tastemaker.core.errors import AppError, InvalidInput
from tastemaker.core.ids import new_id
from tastemaker.core.platforms import Platform
from tastemaker.core.private_files import private_folder, write_private_file
from tastemaker.db.transaction import Transaction
from tastemaker.searches.exclusions.names import find_key
from tastemaker.searches.imports.api import ending_of
from tastemaker.searches.imports.queries import Import, list_imports
from tastemaker.searches.imports.reading import FIELDS, Reading
from tastemaker.searches.imports.service import ImportPreview, import_file, preview
from tastemaker.searches.installation import installation_of
from tastemaker.web.pages import page

SHOWN_ERRORS: Final = 100
KEPT_SECONDS: Final = 6 * 3600
"""For a file that was uploaded and not imported."""

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=300)]


@router.get("/campaigns/{campaign_id}/import")
async def show(visit: SignedIn, campaign_id: UUID) -> Response:
    return await _upload_page(visit, campaign_id)


@router.post("/campaigns/{campaign_id}/imports")
async def upload(
    visit: SignedIn,
    campaign_id: UUID,
    file: Annotated[UploadFile | None, File()] = None,
    kind: Text = "creators",
    platform: Text = "",
) -> Response:
    """Keep the file, and show how its columns are understood."""
    typed = {"kind": kind, "platform": platform}
    content = b"" if file is None else await file.read()
    name = "" if file is None else (file.filename or "")[-200:]
    if not content:
        return await _upload_page(visit, campaign_id, wrong="Choose a file.", typed=typed)
    token = new_id()
    try:
        kept = f"{token}{ending_of(name)}"
        reading = _reading(kind, platform, {})
    except InvalidInput as error:
        return await _upload_page(visit, campaign_id, wrong=str(error), typed=typed)
    path = _path(visit, kept)
    try:
        await asyncio.to_thread(_keep, path, content)
        found = await asyncio.to_thread(preview, path, reading, name=name)
    except InvalidInput as error:
        path.unlink(missing_ok=True)
        return await _upload_page(visit, campaign_id, wrong=str(error), typed=typed)
    campaign, _ = await visit.run(lambda tx: _find(tx, visit, campaign_id))
    return _preview_page(visit, campaign, found, {**typed, "file": kept, "name": name})


@router.post("/campaigns/{campaign_id}/imports/{file}")
async def carry_out(
    visit: SignedIn,
    campaign_id: UUID,
    file: str,
    name: Text = "",
    kind: Text = "creators",
    platform: Text = "",
    act: Text = "import",
) -> Response:
    """Import the uploaded file with these columns, or show it again with them."""
    typed = {"kind": kind, "platform": platform, "file": file, "name": name}
    campaign, _ = await visit.run(lambda tx: _find(tx, visit, campaign_id))
    path = _uploaded(visit, file)
    if path is None:
        wrong = "This file is not kept any more. Choose it again."
        return await _upload_page(visit, campaign_id, wrong=wrong, typed=typed)
    form = await visit.request.form()
    columns = {
        heading: str(form.get(f"field-{number}", ""))
        for number, heading in enumerate(form.getlist("heading"))
        if isinstance(heading, str) and heading.strip()
    }
    try:
        reading = _reading(kind, platform, columns)
        if act == "preview":
            return _preview_page(
                visit, campaign, await asyncio.to_thread(preview, path, reading, name=name), typed
            )
        user = await visit.run(visit.user)
        settings = installation_of(visit.request).settings
        report = await import_file(
            visit.database, user, campaign, path, reading, key=find_key(settings), name=name
        )
    except InvalidInput as error:
        found = await asyncio.to_thread(preview, path, _reading(kind, "", {}), name=name)
        return _preview_page(visit, campaign, found, typed, wrong=str(error))
    path.unlink(missing_ok=True)
    return _page(visit, campaign, report=report, name=name)


async def _upload_page(
    visit: Visit, campaign_id: UUID, *, wrong: str | None = None, typed: Mapping[str, str] | None = None
) -> Response:
    campaign, imports = await visit.run(lambda tx: _find(tx, visit, campaign_id))
    return _page(visit, campaign, imports=imports, wrong=wrong, typed=typed or {})


def _preview_page(
    visit: Visit,
    campaign: Campaign,
    found: ImportPreview,
    typed: Mapping[str, str],
    *,
    wrong: str | None = None,
) -> Response:
    return _page(visit, campaign, found=found, typed=typed, wrong=wrong)


def _page(visit: Visit, campaign: Campaign, **values: Any) -> Response:  # noqa: ANN401 - for the template
    """One of its three states: the form, the columns, or what was imported."""
    shown: dict[str, Any] = {
        "report": None, "found": None, "imports": (), "typed": {}, "name": "", "wrong": None,
        "fields": FIELDS,
        "platforms": list(Platform), "shown_errors": SHOWN_ERRORS, **values,
    }  # fmt: skip
    status = 200 if shown["wrong"] is None else 422
    return page(visit.request, "searches/import.html", status=status, campaign=campaign, **shown)


async def _find(tx: Transaction, visit: Visit, campaign_id: UUID) -> tuple[Campaign, list[Import]]:
    user = await visit.user(tx)
    campaign = await get_campaign(tx, user, str(campaign_id))
    return campaign, [*await list_imports(tx, user.user_id, campaign.id)]


def _reading(kind: str, platform: str, columns: Mapping[str, str]) -> Reading:
    """Raises InvalidInput."""
    named = Platform.parse(platform) if platform else None
    return Reading(platform=named, columns=columns, with_posts=kind == "results")


def _path(visit: Visit, name: str) -> Path:
    """Below a name that another user cannot guess, and never outside the folder."""
    owner = sha256(visit.user_id.encode()).hexdigest()[:32]
    return installation_of(visit.request).settings.home / "imports" / f"{owner}-{name}"


def _uploaded(visit: Visit, file: str) -> Path | None:
    try:
        UUID(file.partition(".")[0])
        ending_of(file)
    except (ValueError, AppError):
        return None
    path = _path(visit, Path(file).name)
    return path if path.is_file() else None


def _keep(path: Path, content: bytes) -> None:
    """Files that nobody imported are deleted on the way."""
    private_folder(path.parent)
    for old in path.parent.iterdir():
        if utc_now().timestamp() - old.stat().st_mtime > KEPT_SECONDS:
            old.unlink(missing_ok=True)
    write_private_file(path, content)
