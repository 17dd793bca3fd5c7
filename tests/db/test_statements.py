"""Every SQL statement of the package is prepared against the migrated schema and compared with its code.

Columns and their types with the row's dataclass, NULLs with its annotations, parameters with the calls.
"""

import importlib
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tastemaker.db.statements import (
    Composition,
    Statement,
    any_of,
    composed,
    one_of,
    statement,
)
from tastemaker.db.transaction import Transaction
from tests.db.prepared import (
    NOT_IMPORTED,
    Catalog,
    calls,
    differences,
    inner_statements,
    named_statements,
    wrong_parameters,
)
from tests.rules.source import Source, assert_holds, package_sources


@pytest.fixture
def catalog(admin_url: str) -> Iterator[Catalog]:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("SET search_path = public, extensions")
        kinds = dict(connection.execute("SELECT oid::int, typname FROM pg_type").fetchall())
        required = connection.execute(
            "SELECT attrelid::int, attnum::int FROM pg_attribute WHERE attnotnull AND attnum > 0"
        ).fetchall()
        tables = dict(
            connection.execute(
                "SELECT relname, oid::int FROM pg_class WHERE relkind IN ('r', 'p', 'v')"
                " AND relnamespace = 'public'::regnamespace"
            ).fetchall()
        )
        yield Catalog(connection, kinds, frozenset(required), tables)


def test_every_statement_fits_the_schema(catalog: Catalog) -> None:
    found = []
    for place, asked in named_statements().items():
        try:
            known = catalog.describe(asked)
        except AssertionError as error:
            found.append(f"{place}: {error}")
            continue
        found += [f"{place}: {difference}" for difference in differences(asked, known)]
    assert not found, "\n" + "\n".join(found)


def test_every_call_gives_what_its_statement_takes(catalog: Catalog) -> None:
    found = []
    for source in package_sources():
        name = source.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        if name.startswith(NOT_IMPORTED):
            continue
        module = importlib.import_module(name)
        for line, asked, node, hints in calls(source, module):
            known = catalog.describe(asked)
            found += [f"{source.path}:{line}: {one}" for one in wrong_parameters(asked, node, hints, known)]
    assert not found, "\n" + "\n".join(found)


def test_statements_stand_at_the_top_of_their_modules() -> None:
    sources = [one for one in package_sources() if one.path != "tastemaker/db/statements.py"]
    assert_holds(inner_statements, sources)


@dataclass(frozen=True, slots=True)
class _Person:
    id: UUID
    email: str | None
    onboarding_step: str


@pytest.mark.parametrize(
    ("asked", "difference"),
    [
        (statement("SELECT id, email, onboarding_step FROM users", _Person), None),
        (statement("SELECT id, email FROM users", _Person), "onboarding_step"),
        (statement("SELECT email AS id, email, onboarding_step FROM users", _Person), "id is text"),
        (statement("SELECT email FROM users", str), "email may be NULL"),
        (statement("SELECT email FROM users", str, nullable=True), None),
        (statement("SELECT count(*) FROM users", int), "count may be NULL"),
        (statement("SELECT count(*) FROM users", int, not_null="count"), None),
        (statement("SELECT id FROM users", str), "id is uuid"),
        (statement("SELECT id FROM users", UUID, not_null="other"), "other"),
        (
            statement(
                "SELECT u.id, b.stripe_customer_id AS email, s.current_plan AS onboarding_step FROM users u"
                " LEFT JOIN user_billing b ON b.user_id = u.id JOIN user_subscriptions s ON s.user_id = u.id",
                _Person,
            ),
            None,
        ),
        (
            statement(
                "SELECT u.id, u.email, s.current_plan AS onboarding_step FROM users u"
                " LEFT JOIN user_subscriptions s ON s.user_id = u.id",
                _Person,
            ),
            "onboarding_step may be NULL",
        ),
        (statement("UPDATE users SET email = NULL RETURNING id"), "have no row"),
    ],
)
def test_planted_differences_are_found(
    catalog: Catalog, asked: Statement[Any], difference: str | None
) -> None:
    found = [*differences(asked, catalog.describe(asked))]
    assert (difference is None and not found) or any(difference in one for one in found if difference)


def test_a_statement_that_the_schema_refuses_is_found(catalog: Catalog) -> None:
    for sql in ("SELECT no_such FROM users", "SELECT FROM nowhere", "SELEC"):
        with pytest.raises(AssertionError, match="ERROR"):
            catalog.describe(statement(sql))


FIND = statement("SELECT id FROM users WHERE user_id = %(user_id)s AND is_admin = %(admin)s", UUID)


async def _planted(tx: Transaction, user_id: str, number: int) -> None:
    await tx.one(FIND, user_id=user_id)
    await tx.one(FIND, user_id=user_id, admin=True, more=1)
    await tx.one(FIND, user_id=number, admin=True)
    await tx.one(FIND, user_id=user_id, admin=True)


def test_planted_calls_are_found(catalog: Catalog) -> None:
    planted = types.ModuleType("planted")
    vars(planted).update(FIND=FIND, _planted=_planted)
    source = Source("planted.py", inspect.getsource(_planted))
    found = [
        [*wrong_parameters(asked, node, hints, catalog.describe(asked))]
        for _, asked, node, hints in calls(source, planted)
    ]
    assert [bool(one) for one in found] == [True, True, True, False]


def test_a_composition_has_a_variant_for_each_piece(catalog: Catalog) -> None:
    listing: Composition[UUID] = composed(
        "SELECT id FROM users WHERE true {filters} ORDER BY {order}",
        UUID,
        filters=any_of(email="AND email = %(email)s", step="AND onboarding_step = %(step)s"),
        order=one_of(name="full_name", age="created_at"),
    )
    variants = [*listing.variants()]
    assert len(variants) == 8
    assert {frozenset(one.parameters) for one in variants} == {
        frozenset(), frozenset({"email"}), frozenset({"step"}), frozenset({"email", "step"}),
    }  # fmt: skip
    for variant in variants:
        assert not [*differences(variant, catalog.describe(variant))]
    assert listing.choose(order="age") is listing.choose(order="age")
    with pytest.raises(TypeError, match="exactly one"):
        listing.choose(filters=["email"])
    with pytest.raises(TypeError, match="no slot"):
        listing.choose(order="age", nothing="x")
