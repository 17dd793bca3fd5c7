"""`/settings/exclusions` and `/settings/suppressions`: creators that searches leave out."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Annotated, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import Response

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.campaigns.service import get_campaign
from tastemaker.core.accounts import fold_handle, read_account
from tastemaker.core.display import counted
from tastemaker.core.errors import InvalidInput, NotFound
from tastemaker.core.ids import CampaignId, new_id
from tastemaker.core.platforms import Platform
from tastemaker.db.claims import SYSTEM
from tastemaker.db.enums import ExclusionKind
from tastemaker.db.keyset import KeysetPage
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.searches.exclusions import service
from tastemaker.searches.exclusions.names import CreatorName, ensure_key, name_creator, read_list
from tastemaker.searches.exclusions.queries import Exclusion, Suppression, list_exclusions, list_suppressions
from tastemaker.searches.installation import installation_of
from tastemaker.web.pages import page, redirect

PATH: Final = "/settings/exclusions"
SUPPRESSIONS: Final = "/settings/suppressions"
PAGE_SIZE: Final = 100
MOST_PEOPLE: Final = 20_000
LONGEST_NOTE_UNDONE: Final = 300

NO_NUL: Final = r"^[^\x00]*$"
Text = Annotated[str, Form(pattern=NO_NUL)]
Asked = Annotated[str, Query(max_length=400, pattern=NO_NUL)]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def show_exclusions(
    visit: SignedIn, after: Annotated[str | None, Query(max_length=400)] = None
) -> Response:
    return await _page(visit, after=after)


@router.post(PATH)
async def exclude(
    visit: SignedIn,
    people: Text = "",
    platform: Text = "",
    note: Text = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Everybody in the text and in the file, or nobody: a list is never taken in part."""
    typed = {"people": people, "platform": platform, "note": note}
    try:
        named = list(_read_lines(people, Platform.parse(platform) if platform else None))
    except InvalidInput as error:
        return await _page(visit, wrong={"people": str(error)}, typed=typed)
    try:
        named += await _read_file(file)
    except InvalidInput as error:
        return await _page(visit, wrong={"file": str(error)}, typed=typed)
    if not named:
        return await _page(visit, wrong={"people": "Name somebody, or choose a file."}, typed=typed)
    if len(named) > MOST_PEOPLE:
        wrong = {"file": f"At most {MOST_PEOPLE:,} creators at a time; these are {len(named):,}."}
        return await _page(visit, wrong=wrong, typed=typed)

    batch_id = new_id()

    async def work(tx: Transaction) -> int:
        user = await visit.user(tx)
        return await service.exclude(tx, user, named, note=note.strip() or None, batch_id=batch_id)

    try:
        added = await visit.run(work)
    except InvalidInput as error:
        return await _page(visit, wrong={"note": str(error)}, typed=typed)
    undo = undo_of(batch_id, back=PATH) if added else None
    return redirect(PATH, said=_added(added, len(named)), undo=undo)


@router.post(f"{PATH}/batches/{{batch_id}}/removal")
async def undo_exclusion(
    visit: SignedIn, batch_id: UUID, back: Annotated[str, Query(max_length=200)] = PATH
) -> Response:
    """Take those off the list that one form put there, and go back to the page of that form."""

    async def work(tx: Transaction) -> int:
        return await service.undo_exclusion(tx, await visit.user(tx), batch_id)

    removed = await visit.run(work)
    is_ours = back.startswith(("/searches/", "/campaigns/", "/creators/"))
    return redirect(back if is_ours else PATH, said=f"{counted(removed, 'creator')} taken off the list.")


@router.post(f"{PATH}/{{exclusion_id}}/removal")
async def readmit(visit: SignedIn, exclusion_id: UUID) -> Response:
    async def work(tx: Transaction) -> Exclusion:
        return await service.remove_exclusion_by_id(tx, await visit.user(tx), exclusion_id)

    removed = await visit.run(work)
    said = f"Searches may find {removed.value} again."
    return redirect(PATH, said=said, undo=_restoration_of(removed))


@router.post(f"{PATH}/restoration")
async def restore(
    visit: SignedIn, platform: Asked, kind: Asked, value: Asked, campaign: Asked = "", note: Asked = ""
) -> Response:
    one = name_creator(platform, value, is_id=_kind(kind) is ExclusionKind.STABLE_ID)

    async def work(tx: Transaction) -> None:
        user = await visit.user(tx)
        of = await _campaign_id(tx, user, campaign)
        await service.exclude(tx, user, [one], campaign_id=of, note=note or None)

    await visit.run(work)
    return redirect(PATH, said=f"{one.value} is left out again.")


@router.get(SUPPRESSIONS)
async def show_suppressions(visit: SignedIn) -> Response:
    return await _suppressions_page(visit)


@router.post(SUPPRESSIONS)
async def suppress(
    visit: SignedIn, name: Text = "", platform: Text = "", reason: Text = "", certain: Text = ""
) -> Response:
    """Deletes what is stored, for all users."""
    typed = {"name": name, "platform": platform, "reason": reason}
    user = await _administrator(visit)
    one = _named(name, platform)
    if isinstance(one, str):
        return await _suppressions_page(visit, wrong={"name": one}, typed=typed)
    if not certain:
        wrong = {"certain": "Confirm it: what is deleted cannot be brought back."}
        return await _suppressions_page(visit, wrong=wrong, typed=typed)
    key = ensure_key(installation_of(visit.request).settings)
    held = await in_transaction(
        visit.database,
        SYSTEM,
        lambda tx: service.suppress(tx, user, key, one, reason=reason.strip() or None),
    )
    return redirect(SUPPRESSIONS, said=f"Suppressed, and taken out of {counted(held, 'search', 'searches')}.")


@router.post(f"{SUPPRESSIONS}/removal")
async def lift(visit: SignedIn, lifted: Text = "", platform: Text = "") -> Response:
    user = await _administrator(visit)
    one = _named(lifted, platform)
    if isinstance(one, str):
        return await _suppressions_page(visit, wrong={"lifted": one}, typed={"lifted": lifted})
    key = ensure_key(installation_of(visit.request).settings)
    try:
        await in_transaction(visit.database, SYSTEM, lambda tx: service.lift_suppression(tx, user, key, one))
    except NotFound as error:
        return await _suppressions_page(visit, wrong={"lifted": str(error)}, typed={"lifted": lifted})
    return redirect(SUPPRESSIONS, said="Searches may store this name again.")


async def _page(
    visit: Visit,
    *,
    after: str | None = None,
    wrong: dict[str, str] | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    async def work(tx: Transaction) -> tuple[CurrentUser, KeysetPage[Exclusion]]:
        listed = await list_exclusions(tx, visit.user_id, None, limit=PAGE_SIZE, after=after)
        return await visit.user(tx), listed

    user, listed = await visit.run(work)
    return page(
        visit.request,
        "searches/exclusions.html",
        status=422 if wrong else 200,
        is_admin=user.is_admin,
        exclusions=listed.rows,
        after=after,
        next=listed.next,
        wrong=wrong or {},
        typed=typed or {},
        platforms=list(Platform),
    )


async def _suppressions_page(
    visit: Visit, *, wrong: dict[str, str] | None = None, typed: dict[str, str] | None = None
) -> Response:
    await _administrator(visit)

    async def work(tx: Transaction) -> Sequence[Suppression]:
        return await list_suppressions(tx, limit=PAGE_SIZE)

    return page(
        visit.request,
        "searches/suppressions.html",
        status=422 if wrong else 200,
        is_admin=True,
        suppressions=await visit.run(work),
        wrong=wrong or {},
        typed=typed or {},
        platforms=list(Platform),
    )


async def _administrator(visit: Visit) -> CurrentUser:
    """For everybody else the page does not exist. Raises NotFound."""
    user = await visit.run(visit.user)
    if not user.is_admin:
        raise NotFound("There is nothing here.")
    return user


def _read_lines(text: str, platform: Platform | None) -> Iterator[CreatorName]:
    """A profile's address or a handle in each line. Raises InvalidInput with the line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield _name(line, platform)
        except InvalidInput as error:
            raise InvalidInput(f"Line {number}: {error}") from None


async def _read_file(file: UploadFile | None) -> Sequence[CreatorName]:
    """A browser sends an empty file where none was chosen. Raises InvalidInput."""
    content = b"" if file is None else await file.read()
    if not content:
        return ()
    try:
        return list(read_list(StringIO(content.decode("utf-8-sig"), newline="")))
    except csv.Error as error:
        raise InvalidInput(f"The file is no CSV: {error}.") from None
    except UnicodeDecodeError:
        raise InvalidInput("The file is no UTF-8 text. Save it as “CSV UTF-8”.") from None


def _name(text: str, platform: Platform | None) -> CreatorName:
    """An address names its platform itself. Raises InvalidInput."""
    account = read_account(text, None if "/" in text else platform)
    if account.stable_id is not None:
        return CreatorName(account.platform, ExclusionKind.STABLE_ID, account.stable_id)
    return CreatorName(account.platform, ExclusionKind.HANDLE, fold_handle(account.handle or ""))


def _named(text: str, platform: str) -> CreatorName | str:
    """The creator, or what is wrong."""
    try:
        return _name(text, Platform.parse(platform) if platform else None)
    except InvalidInput as error:
        return str(error)


def _kind(text: str) -> ExclusionKind:
    try:
        return ExclusionKind(text)
    except ValueError:
        raise NotFound("Nobody of that name is on this list.") from None


async def _campaign_id(tx: Transaction, user: CurrentUser, reference: str) -> CampaignId | None:
    return (await get_campaign(tx, user, reference)).id if reference else None


def _restoration_of(one: Exclusion) -> str:
    """What names the creator is in the URL: an undo is a button without fields."""
    named = {"platform": one.platform, "kind": one.kind, "value": one.value}
    if one.campaign_id:
        named["campaign"] = str(one.campaign_id)
    if one.note and len(one.note) <= LONGEST_NOTE_UNDONE:
        named["note"] = one.note
    return f"{PATH}/restoration?{urlencode(named)}"


def undo_of(batch_id: UUID, *, back: str) -> str:
    """Where a form takes back what one exclusion of many added; then it leads to the page `back`."""
    return f"{PATH}/batches/{batch_id}/removal?back={back}"


def _added(added: int, named: int) -> str:
    known = named - added
    told = f"{counted(added, 'creator')} will be left out of new searches." if added else ""
    were = f"{counted(known, 'creator was', 'creators were')} on the list already." if known else ""
    return " ".join(filter(None, (told, were)))
