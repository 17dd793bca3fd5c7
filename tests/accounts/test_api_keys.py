"""Keys of programs: good for their scopes, for their time, and for nobody else."""

from datetime import timedelta

import psycopg
import pytest

from tastemaker.accounts import api_keys
from tastemaker.accounts.api_key_queries import FIND_CANDIDATE
from tastemaker.accounts.api_keys import NewKey, NotAllowed, NotAuthenticated, recognise
from tastemaker.accounts.current_user import CurrentUser
from tastemaker.core.errors import Conflict, InvalidInput, NotFound
from tastemaker.db.claims import NOBODY
from tastemaker.db.enums import ApiScope
from tastemaker.db.pool import Database
from tastemaker.db.statements import statement
from tastemaker.db.transaction import transaction

READING = [ApiScope.SEARCHES_READ]


async def made(database: Database, user: CurrentUser, **chosen: timedelta | None) -> NewKey:
    async with transaction(database, user.claim) as tx:
        return await api_keys.create_key(tx, user, name="A script", scopes=READING, **chosen)


async def test_a_key_says_whose_it_is_and_for_what(database: Database, user: CurrentUser) -> None:
    new = await made(database, user)
    caller = await recognise(database, new.secret)
    assert (caller.user_id, caller.prefix) == (user.user_id, new.key.prefix)
    caller.needs(ApiScope.SEARCHES_READ)
    with pytest.raises(NotAllowed, match="searches:write"):
        caller.needs(ApiScope.SEARCHES_WRITE)


async def test_the_key_itself_is_nowhere(database: Database, user: CurrentUser, admin_url: str) -> None:
    new = await made(database, user)
    secret = new.secret.removeprefix(f"{new.key.prefix}_")
    with psycopg.connect(admin_url) as owner:
        for table in ("api_keys", "events", "event_keys", "background_jobs"):
            rows = owner.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()  # noqa: S608 - of this list
            assert secret not in str(rows)
    assert secret not in repr(new)


@pytest.mark.parametrize("wrong", ["", "tm_", "nonsense", "tm_0123456789ab_" + "A" * 43, "\ud800", "\0"])
async def test_what_is_no_key_is_nobodys(wrong: str, database: Database, user: CurrentUser) -> None:
    await made(database, user)
    with pytest.raises(NotAuthenticated, match="missing or wrong"):
        await recognise(database, wrong)


async def test_the_beginning_of_a_key_is_not_the_key(database: Database, user: CurrentUser) -> None:
    new, other = await made(database, user), await made(database, user)
    swapped = new.key.prefix + other.secret.removeprefix(other.key.prefix)
    for wrong in (swapped, new.secret[:-1] + ("A" if new.secret[-1] != "A" else "B"), new.secret + "A"):
        with pytest.raises(NotAuthenticated, match="missing or wrong"):
            await recognise(database, wrong)


async def test_digests_are_compared_also_where_there_is_no_row(
    database: Database, user: CurrentUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(database, user)
    compared: list[bytes] = []
    real = api_keys.hmac.compare_digest

    def comparing(known: bytes, presented: bytes) -> bool:
        compared.append(known)
        return real(known, presented)

    monkeypatch.setattr(api_keys.hmac, "compare_digest", comparing)
    with pytest.raises(NotAuthenticated):
        await recognise(database, "tm_0123456789ab_" + "A" * 43)
    assert compared == [bytes(32)]


async def test_a_revoked_key_is_refused_at_once(database: Database, user: CurrentUser) -> None:
    new = await made(database, user)
    async with transaction(database, user.claim) as tx:
        assert (await api_keys.revoke_key(tx, user, new.key)).state == "revoked"
    with pytest.raises(NotAuthenticated, match="revoked"):
        await recognise(database, new.secret)
    with pytest.raises(Conflict):
        async with transaction(database, user.claim) as tx:
            await api_keys.revoke_key(tx, user, new.key)


async def test_a_key_expires_on_the_databases_clock(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    new = await made(database, user, expires_in=timedelta(days=1))
    await recognise(database, new.secret)
    with psycopg.connect(admin_url) as owner:
        owner.execute("UPDATE clock_offset SET shift = interval '25 hours'")
    with pytest.raises(NotAuthenticated, match="expired"):
        await recognise(database, new.secret)
    async with transaction(database, user.claim) as tx:
        assert (await api_keys.get_key(tx, user, new.key.prefix)).state == "expired"


async def test_the_last_use_is_noted_once_a_minute(
    database: Database, user: CurrentUser, admin_url: str
) -> None:
    new = await made(database, user)
    assert new.key.last_used_at is None
    noted = []
    for seconds in (0, 30, 90):
        with psycopg.connect(admin_url) as owner:
            owner.execute("UPDATE clock_offset SET shift = make_interval(secs => %s)", (float(seconds),))
        await recognise(database, new.secret)
        async with transaction(database, user.claim) as tx:
            noted.append((await api_keys.get_key(tx, user, str(new.key.id))).last_used_at)
    assert noted[0] == noted[1]
    assert noted[1] is not None
    assert noted[2] is not None
    assert noted[2] > noted[1]


async def test_what_a_key_may_be(database: Database, user: CurrentUser) -> None:
    async with transaction(database, user.claim) as tx:
        for name, scopes, life in (
            ("", READING, None),
            ("x" * 101, READING, None),
            ("x", [], None),
            ("x", READING, timedelta(0)),
            ("x", READING, timedelta(days=4000)),
        ):
            with pytest.raises(InvalidInput):
                await api_keys.create_key(tx, user, name=name, scopes=scopes, expires_in=life)
        with pytest.raises(NotFound):
            await api_keys.get_key(tx, user, "tm_0123456789ab")


async def test_each_step_is_told_with_its_author(database: Database, user: CurrentUser) -> None:
    new = await made(database, user)
    async with transaction(database, user.claim) as tx:
        await api_keys.revoke_key(tx, user, new.key)
        cursor = await tx.connection.execute(
            "SELECT event_type, event_data ->> 'prefix', metadata ->> 'actor' FROM events"
            " WHERE tenant_id = %s AND event_type LIKE 'api_key%%' ORDER BY seq",
            (user.user_id,),
        )
        events = await cursor.fetchall()
    assert events == [
        ("api_key_created", new.key.prefix, user.user_id),
        ("api_key_revoked", new.key.prefix, user.user_id),
    ]


async def test_nobody_finds_a_key_by_the_door_without_its_beginning(
    database: Database, user: CurrentUser
) -> None:
    new = await made(database, user)
    async with transaction(database, NOBODY) as tx:
        assert await tx.many(statement("SELECT name FROM api_keys WHERE tenant_id <> ''", str)) == []
        for guess in ("%", "", "tm_", new.key.prefix[:-1], new.key.prefix.upper()):
            assert await tx.one(FIND_CANDIDATE, prefix=guess) is None
        assert await tx.one(FIND_CANDIDATE, prefix=new.key.prefix) is not None


async def test_a_deleted_users_keys_are_gone(database: Database, user: CurrentUser, admin_url: str) -> None:
    new = await made(database, user)
    with psycopg.connect(admin_url) as owner:
        owner.execute("DELETE FROM users WHERE user_id = %s", (user.user_id,))
    with pytest.raises(NotAuthenticated):
        await recognise(database, new.secret)
