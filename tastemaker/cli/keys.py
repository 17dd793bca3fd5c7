"""`tastemaker keys …`: the keys by which programs act for users."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tastemaker.accounts import api_key_queries, api_keys
from tastemaker.accounts.api_key_queries import StoredKey
from tastemaker.accounts.api_keys import ORDINARY_SCOPES
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.accounts.service import get_current_user
from tastemaker.cli import screen
from tastemaker.cli.groups import group
from tastemaker.cli.listing import Listing, answer
from tastemaker.cli.options import Json, Limit, word_of
from tastemaker.cli.plain_text import plain
from tastemaker.cli.session import Session, in_session, with_session
from tastemaker.cli.table import Column
from tastemaker.config_store.values import parse_duration
from tastemaker.core.display import UNKNOWN, moment
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import Tenant
from tastemaker.db.enums import ApiScope
from tastemaker.db.transaction import Transaction, in_transaction, transaction

keys_app = group("keys")

User = Annotated[
    str | None,
    typer.Option("--user", metavar="USER", help="Act on behalf of this user (default: you)."),
]

COLUMNS = (
    Column(title="Key", least=15),
    Column(title="Name", least=8, most=40, rank=1),
    Column(title="State", least=7),
    Column(title="Scopes", least=12, most=70, rank=3),
    Column(title="Made (UTC)", least=16, rank=4),
    Column(title="Used (UTC)", least=16, rank=2),
    Column(title="Expires (UTC)", least=16, rank=3),
)


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


KEYS = Listing(
    "keys",
    COLUMNS,
    _row,
    empty="There is no key yet. `tastemaker keys create NAME` makes one.",
    document=key_document,
)


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the key; 1 to 100 characters.")],
    *,
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", metavar="SCOPE", help="A scope of the key; may be repeated (default: all but admin)."
        ),
    ] = None,
    expires_in: Annotated[
        str | None,
        typer.Option("--expires-in", metavar="DURATION", help="Such as 90d (default: never)."),
    ] = None,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Create a key. It is shown only once."""
    wanted = [word for scope in scopes or [] if (word := word_of(ApiScope, scope))] or [*ORDINARY_SCOPES]
    life = parse_duration(expires_in) if expires_in else None

    async def work(session: Session) -> None:
        owner = await _owner(session, user)
        async with transaction(session.database, owner.claim) as tx:
            made = await api_keys.create_key(
                tx, owner, name=name, scopes=wanted, expires_in=life, actor=session.user.user_id
            )
        if as_json:
            screen.write_json({**key_document(made.key), "secret": made.secret})
        else:
            screen.show(made.secret, wraps=False)
            screen.say("This is the key. It is shown only once. Store it like a password.")

    in_session(work)


@keys_app.command("list")
@with_session
async def show_all(session: Session, *, user: User = None, limit: Limit = 50, as_json: Json = False) -> None:
    """Show the keys by their prefixes, the newest first."""
    owner = await _owner(session, user)
    async with transaction(session.database, owner.claim) as tx:
        found = await api_key_queries.list_keys(tx, owner.user_id, limit=limit)
    KEYS.show(found, as_json=as_json)


@keys_app.command()
@with_session
async def revoke(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The prefix or the id of the key.")],
    *,
    user: User = None,
    as_json: Json = False,
) -> None:
    """Revoke a key. It stops working at once."""
    owner = await _owner(session, user)

    async def work_in(tx: Transaction) -> StoredKey:
        found = await api_keys.get_key(tx, owner, key)
        return await api_keys.revoke_key(tx, owner, found, actor=session.user.user_id)

    revoked = await in_transaction(session.database, owner.claim, work_in)
    sentence = f"Revoked {revoked.prefix} “{plain(revoked.name)}”."
    answer(key_document(revoked), sentence, as_json=as_json)


async def _owner(session: Session, named: str | None) -> CurrentUser:
    """The named user, or the local one. Raises NotFound."""
    if named is None:
        return session.user
    user_id = ExternalUserId(named)
    async with transaction(session.database, Tenant(user_id)) as tx:
        return await get_current_user(tx, user_id)
