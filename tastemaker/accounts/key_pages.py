"""`/settings/keys`: the keys by which programs act for the user."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Form
from fastapi.responses import Response

from tastemaker.accounts import api_keys
from tastemaker.accounts.api_key_queries import StoredKey, list_keys
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.sessions import SignedIn, Visit
from tastemaker.core.errors import InvalidInput
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction
from tastemaker.web.pages import page, redirect

PATH: Final = "/settings/keys"
MOST_KEYS: Final = 200
SCOPES: Final = {
    ApiScope.CAMPAIGNS_READ: "Read campaigns",
    ApiScope.CAMPAIGNS_WRITE: "Change campaigns",
    ApiScope.SEARCHES_READ: "Read searches and creators",
    ApiScope.SEARCHES_WRITE: "Start and stop searches",
    ApiScope.ACCOUNT_READ: "Read the account",
    ApiScope.ACCOUNT_WRITE: "Change the account",
    ApiScope.ADMIN: "Administer this installation",
}
LIVES: Final = {30: "30 days", 90: "90 days", 365: "1 year", 0: "never"}
"""Days until a key expires; 0 is without an end."""

Text = Annotated[str, Form(pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def show_keys(visit: SignedIn) -> Response:
    visit.needs_owner()
    return await _page(visit)


@router.post(PATH)
async def create_key(
    visit: SignedIn,
    name: Text = "",
    days: Text = "90",
    scopes: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """The answer shows the key, which is kept nowhere: a redirect could not."""
    visit.needs_owner()
    chosen = [scope for scope in ApiScope if scope in (scopes or ())]
    life = timedelta(days=int(days)) if days in map(str, LIVES) else timedelta(days=90)

    async def work(tx: Transaction) -> api_keys.NewKey:
        user = await visit.user(tx)
        return await api_keys.create_key(tx, user, name=name, scopes=chosen, expires_in=life or None)

    try:
        made = await visit.run(work)
    except InvalidInput as error:
        wrong = {"scopes" if not chosen else "name": str(error)}
        return await _page(visit, status=422, wrong=wrong, name=name, days=life.days, chosen=chosen)
    return await _page(visit, status=201, secret=made.secret)


@router.post(f"{PATH}/{{key_id}}/revocation")
async def revoke_key(visit: SignedIn, key_id: UUID) -> Response:
    visit.needs_owner()

    async def work(tx: Transaction) -> StoredKey:
        user = await visit.user(tx)
        return await api_keys.revoke_key(tx, user, await api_keys.get_key(tx, user, str(key_id)))

    revoked = await visit.run(work)
    return redirect(PATH, said=f"“{revoked.name}” is revoked. Programs that use it are refused from now on.")


async def _page(
    visit: Visit,
    *,
    status: int = 200,
    secret: str | None = None,
    wrong: dict[str, str] | None = None,
    name: str = "",
    days: int = 90,
    chosen: Sequence[ApiScope] = api_keys.ORDINARY_SCOPES,
) -> Response:
    async def work(tx: Transaction) -> tuple[CurrentUser, list[StoredKey]]:
        return await visit.user(tx), await list_keys(tx, visit.user_id, limit=MOST_KEYS)

    user, keys = await visit.run(work)
    return page(
        visit.request,
        "accounts/keys.html",
        status=status,
        is_admin=user.is_admin,
        keys=keys,
        secret=secret,
        wrong=wrong or {},
        name=name,
        days=days,
        chosen=chosen,
        scopes=SCOPES if user.is_admin else {one: SCOPES[one] for one in api_keys.ORDINARY_SCOPES},
        lives=LIVES,
    )
