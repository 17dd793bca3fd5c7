"""What the search finds is what ILIKE finds; who may ask; what is refused."""

import psycopg
import pytest

from tastemaker.admin.queries import NotAnAdministrator, search_users
from tastemaker.core.errors import InvalidInput
from tastemaker.core.ids import ExternalUserId
from tastemaker.db.claims import SYSTEM, Tenant, UnknownUser
from tastemaker.db.pool import Database

ADMINISTRATOR = Tenant(ExternalUserId("admin"))

USERS = r"""
INSERT INTO users (user_id, full_name, email, business_name, is_admin, created_at)
VALUES ('admin', 'The Administrator', NULL, NULL, true, '2024-01-01'),
       ('percent', '100% Cotton', 'a_b@example.com', 'back\slash', false, '2024-01-02'),
       ('accent', 'Zoë Müller', 'zoe@example.com', 'Ärzte & Co', false, '2024-01-03'),
       ('tie 1', 'Tied Twin', NULL, NULL, false, '2024-01-04'),
       ('tie 2', 'Tied Twin', NULL, NULL, false, '2024-01-04'),
       ('tie 3', 'Tied Twin', NULL, NULL, false, '2024-01-04'),
       ('asia', '山田花子', NULL, NULL, false, '2024-01-05'),
       ('short', 'Li Wu', 'li.wu@example.org', NULL, false, '2024-01-06')
"""


@pytest.fixture(autouse=True)
def users(admin_url: str) -> None:
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(USERS)


async def found(database: Database, needle: str) -> list[str]:
    page = await search_users(database, ADMINISTRATOR, needle)
    return [user.user_id for user in page.rows]


@pytest.mark.parametrize(
    ("needle", "expected"),
    [
        ("cotton", ["percent"]),
        ("COTTON", ["percent"]),
        ("100%", ["percent"]),
        ("a_b@exa", ["percent"]),
        ("a_example", []),
        ("ack\\sla", ["percent"]),
        ("zoë", ["accent"]),
        ("müller", ["accent"]),
        ("ärz", ["accent"]),
        ("example.com", ["accent", "percent"]),
        ("li wu", ["short"]),
        ("li", ["short"]),
        ("wu", []),
        ("z", ["accent"]),
        (" cotton ", ["percent"]),
        ("山田花", ["asia"]),
        ("山田", ["asia"]),
        ("山", ["asia"]),
        ("x" * 200, []),
        ("%%%", []),
        ("---", []),
        ("a_b@", ["percent"]),
        ("_b@", ["percent"]),
        ("k\\s", ["percent"]),
        ("% c", ["percent"]),
        ("e & co", ["accent"]),
        ("wu li", []),
        ("wu\n\nli", []),
        ("i w", ["short"]),
    ],
)
async def test_names_mails_and_businesses_are_found(
    needle: str, expected: list[str], database: Database
) -> None:
    assert await found(database, needle) == expected


@pytest.mark.parametrize(
    "needle",
    ["", "   ", "%", "__", "@", "☕☕☕", "\0abc", "x" * 201],
)
async def test_a_needle_that_says_too_little_is_refused(needle: str, database: Database) -> None:
    with pytest.raises(InvalidInput):
        await search_users(database, ADMINISTRATOR, needle)


async def test_pages_follow_one_another_through_equal_times(database: Database) -> None:
    seen, after = [], None
    while True:
        page = await search_users(database, ADMINISTRATOR, "tied", after=after, limit=1)
        seen += [user.user_id for user in page.rows]
        if page.next is None:
            break
        after = page.next
    assert sorted(seen) == ["tie 1", "tie 2", "tie 3"]


async def test_only_administrators_and_the_product_itself_ask(database: Database) -> None:
    assert (await search_users(database, SYSTEM, "cotton")).rows
    with pytest.raises(NotAnAdministrator):
        await search_users(database, Tenant(ExternalUserId("percent")), "cotton")
    for unknown in ("nobody", ""):
        with pytest.raises(UnknownUser):
            await search_users(database, Tenant(ExternalUserId(unknown)), "cotton")


async def test_the_door_is_shut_without_a_claim(app_url: str) -> None:
    with psycopg.connect(app_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM admin_search_users('cotton', NULL, NULL, 10)")


@pytest.mark.parametrize("role", ["tastemaker_readonly", "tastemaker_compat", "tastemaker_backup"])
def test_no_other_role_opens_a_door(role: str, admin_url: str) -> None:
    for door in (
        "admin_search_users('x', NULL, NULL, 1)",
        "find_results_with_creator('x', 'x', NULL, NULL, 1)",
    ):
        with psycopg.connect(admin_url) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for function"):
                connection.execute(b"SELECT " + door.encode())


def test_the_doors_need_no_bypass_of_row_level_security(admin_url: str) -> None:
    """As on servers where nobody may grant it."""
    with psycopg.connect(admin_url) as connection:
        connection.execute("ALTER ROLE tastemaker_door NOBYPASSRLS")
        connection.execute("SET LOCAL ROLE tastemaker_app")
        connection.execute("""SELECT set_config('request.jwt.claims', '{"sub": "admin"}', true)""")
        rows = connection.execute(
            "SELECT user_id FROM admin_search_users('cotton', NULL, NULL, 10)"
        ).fetchall()
        assert rows == [("percent",)]
        connection.rollback()


def test_the_role_of_the_doors_reads_only_what_they_show(admin_url: str) -> None:
    with psycopg.connect(admin_url) as connection:
        connection.execute("SET ROLE tastemaker_door")
        for refused in (
            "SELECT brand_description FROM users",
            "SELECT 1 FROM user_billing",
            "DELETE FROM users",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(refused.encode())
