"""The database roles, their attributes and settings, and the statements that create or correct them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, text

OWNER: Final = "tastemaker_owner"
APP: Final = "tastemaker_app"
DOOR: Final = "tastemaker_door"
COMPAT: Final = "tastemaker_compat"
TENANT: Final = "tastemaker_tenant"
"""Without any right since 0060; it exists because earlier steps name it."""
EXTENSIONS_SCHEMA: Final = "extensions"


@dataclass(frozen=True, slots=True)
class Role:
    name: str
    login: bool = False
    bypasses_rls: bool = False
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


ROLES: Final = (
    Role(OWNER),
    Role(
        APP,
        login=True,
        settings={
            "statement_timeout": "30s",
            "idle_in_transaction_session_timeout": "15s",
            "client_connection_check_interval": "1s",
        },
    ),
    Role(
        "tastemaker_readonly",
        settings={
            "default_transaction_read_only": "on",
            "statement_timeout": "60s",
            "idle_in_transaction_session_timeout": "60s",
            "client_connection_check_interval": "1s",
        },
    ),
    Role("tastemaker_backup", bypasses_rls=True, settings={"statement_timeout": "0"}),
    Role(DOOR, bypasses_rls=True),
    Role(TENANT),
    Role(COMPAT, settings={"search_path": f"compat, {EXTENSIONS_SCHEMA}"}),
)

_ATTRIBUTES: Final = text(
    "SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb"
    " FROM pg_roles WHERE rolname = :role"
)
_SETTINGS: Final = text(
    "SELECT unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
    " WHERE r.rolname = :role AND s.setdatabase = 0"
)
_FOR_ALL: Final = {"TimeZone": "UTC", "search_path": f"public, {EXTENSIONS_SCHEMA}"}


def role_statements(connection: Connection, role: Role) -> Iterator[str]:
    """The statements that create or correct the role; none if it is correct."""
    found = connection.execute(_ATTRIBUTES, {"role": role.name}).one_or_none()
    if found is None:
        yield f"CREATE ROLE {role.name} {' '.join(_attributes(role))}"
    elif tuple(found) != (False, role.bypasses_rls, role.login, False, False):
        yield f"ALTER ROLE {role.name} {' '.join(_corrections(role, tuple(found)))}"
    present = _settings(connection, role)
    for name, value in {**_FOR_ALL, **role.settings}.items():
        if present.get(name) != value:
            assigned = value if name == "search_path" else f"'{value}'"
            yield f"ALTER ROLE {role.name} SET {name} = {assigned}"


def _attributes(role: Role) -> Iterator[str]:
    yield "LOGIN" if role.login else "NOLOGIN"
    if role.bypasses_rls:
        yield "BYPASSRLS"


def _corrections(role: Role, found: tuple[bool, ...]) -> Iterator[str]:
    """Only what differs: naming an attribute can need rights that changing nothing does not."""
    words = ("SUPERUSER", "BYPASSRLS", "LOGIN", "CREATEROLE", "CREATEDB")
    wanted = (False, role.bypasses_rls, role.login, False, False)
    for word, is_so, should_be in zip(words, found, wanted, strict=True):
        if is_so != should_be:
            yield word if should_be else f"NO{word}"


def _settings(connection: Connection, role: Role) -> dict[str, str]:
    rows = connection.execute(_SETTINGS, {"role": role.name}).scalars()
    return dict(row.split("=", 1) for row in rows)
