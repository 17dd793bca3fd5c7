"""`tastemaker keys …`: keys by which programs call the HTTP interface."""

from collections.abc import Sequence
from typing import Any

from tastemaker.accounts import api_key_queries, api_keys
from tastemaker.accounts.api_key_queries import StoredKey
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import get_current_user
from tastemaker.cli import screen
from tastemaker.cli.listing_commands import show_table
from tastemaker.cli.numbers import UNKNOWN, moment
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.table import Column
from tastemaker.cli.words import word_of
from tastemaker.config_store.values import parse_duration
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.engine import in_transaction, session_scope
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction

COLUMNS = (
    Column(title="Key", least=15),
    Column(title="Name", least=8, most=40, rank=1),
    Column(title="State", least=7),
    Column(title="Scopes", least=12, most=70, rank=3),
    Column(title="Made (UTC)", least=16, rank=4),
    Column(title="Used (UTC)", least=16, rank=2),
    Column(title="Expires (UTC)", least=16, rank=3),
)


def create(
    name: str, *, user: str | None, scopes: Sequence[str], expires_in: str | None, as_json: bool
) -> None:
    wanted = [word for scope in scopes if (word := word_of(ApiScope, scope))] or list(ApiScope)
    life = parse_duration(expires_in) if expires_in else None

    async def work(session: Session) -> None:
        owner = await _owner(session, user)
        async with session_scope(session.database, owner.claim) as writing:
            made = await api_keys.create_key(
                writing, owner, name=name, scopes=wanted, expires_in=life, actor=session.user.user_id
            )
        if as_json:
            screen.write_json({**key_document(made.key), "secret": made.secret})
        else:
            screen.show(made.secret, wraps=False)
            screen.say("This is the key. It is shown this once; keep it where you keep passwords.")

    in_session(work)


def show(*, user: str | None, limit: int, as_json: bool) -> None:
    async def work(session: Session) -> None:
        owner = await _owner(session, user)
        async with session_scope(session.database, owner.claim) as reading:
            found = await api_key_queries.list_keys(reading, owner.user_id, limit=limit)
        if as_json:
            screen.write_json({"keys": [key_document(key) for key in found]})
        elif not found:
            screen.show("There is no key yet. `tastemaker keys create NAME` makes one.")
        else:
            show_table(COLUMNS, [_row(key) for key in found])

    in_session(work)


def revoke(reference: str, *, user: str | None, as_json: bool) -> None:
    async def work(session: Session) -> None:
        owner = await _owner(session, user)

        async def transaction(writing: Transaction) -> StoredKey:
            key = await api_keys.get_key(writing, owner, reference)
            return await api_keys.revoke_key(writing, owner, key, actor=session.user.user_id)

        revoked = await in_transaction(session.database, owner.claim, transaction)
        if as_json:
            screen.write_json(key_document(revoked))
        else:
            screen.show(f"Revoked {revoked.prefix} “{plain(revoked.name)}”.")

    in_session(work)


async def _owner(session: Session, named: str | None) -> CurrentUser:
    """Whose keys are meant: the local user's where nobody is named. Raises NotFound."""
    if named is None:
        return session.user
    user_id = ExternalUserId(named)
    async with session_scope(session.database, Tenant(user_id)) as reading:
        return await get_current_user(reading, user_id)


def key_document(key: StoredKey) -> dict[str, Any]:
    """A key as JSON; never the secret."""
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "state": key.state,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _row(key: StoredKey) -> Sequence[str]:
    return (
        key.prefix,
        plain(key.name) or "",
        key.state,
        ", ".join(sorted(key.scopes)),
        moment(key.created_at),
        moment(key.last_used_at) if key.last_used_at else UNKNOWN,
        moment(key.expires_at) if key.expires_at else "never",
    )
