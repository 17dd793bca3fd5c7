"""What the migrator needs of a server, on clusters of their own: roles are names of the whole cluster."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tastemaker.core.errors import DatabaseUnavailable
from tastemaker.db import embedded
from tastemaker.db.embedded import Server
from tastemaker.db.migrate import HEAD, migrate
from tastemaker.db.migrations import needs
from tastemaker.db.migrations.preflight import MigrationRefused
from tastemaker.db.migrations.roles import ROLES

MakeOwned = Callable[..., str]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A cluster that has never met us, with the binaries of the suite's own server."""
    chosen = os.environ.get("TASTEMAKER_POSTGRES_BIN")
    home = tmp_path_factory.mktemp("cluster")
    bin_dir = Path(chosen) if chosen else None
    with embedded.running(home, bin_dir=bin_dir, settings={"fsync": "off"}) as running:
        yield running


@pytest.fixture
def make_owned(cluster: Server) -> Iterator[MakeOwned]:
    """Makes a database with an owner who may log in, as that owner; afterwards the cluster is bare again."""

    def make(name: str, attributes: str = "") -> str:
        _run(
            cluster,
            f"CREATE ROLE {name} LOGIN PASSWORD 'made-up' {attributes}",
            f"CREATE DATABASE {name} OWNER {name}",
        )
        return make_conninfo(cluster.url(database=name), user=name, password="made-up")

    yield make
    with psycopg.connect(cluster.url(database="postgres"), autocommit=True) as connection:
        databases = connection.execute(
            "SELECT datname FROM pg_database WHERE oid > 16383 AND datname <> 'tastemaker'"
        ).fetchall()
        for (name,) in databases:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        roles = connection.execute("SELECT rolname FROM pg_roles WHERE oid > 16383").fetchall()
        for (name,) in roles:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        for (name,) in roles:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_an_owner_without_rights_is_told_what_to_ask_for(cluster: Server, make_owned: MakeOwned) -> None:
    url = make_owned("plain")
    with pytest.raises(MigrationRefused) as refused:
        migrate(url, app_password="very-secret")
    sentence, *asked = str(refused.value).split("\n  ")
    assert sentence == (
        "The role 'plain' lacks rights; have the server's administrator run this, then repeat:"
    )
    assert {statement.split(" ")[2] for statement in asked if statement.startswith("CREATE ROLE")} == {
        role.name for role in ROLES
    }
    assert {
        "GRANT tastemaker_owner TO plain;",
        "ALTER ROLE tastemaker_app PASSWORD :'app_password';",
        "ALTER ROLE tastemaker_app SET TimeZone = 'UTC';",
    } <= set(asked)
    assert "secret" not in str(refused.value)
    assert "SCRAM" not in str(refused.value)
    with psycopg.connect(url) as connection:
        left = connection.execute(
            "SELECT (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tastemaker%'),"
            " (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace),"
            " to_regnamespace('extensions')::text"
        ).fetchone()
    assert left == (0, 0, None)


@pytest.mark.slow
def test_with_what_was_asked_for_it_works(cluster: Server, make_owned: MakeOwned) -> None:
    url = make_owned("plain")
    with pytest.raises(MigrationRefused) as refused:
        migrate(url, app_password=None)
    _run(cluster, *str(refused.value).split("\n  ")[1:], database="plain")
    done = migrate(url, app_password=None)
    assert done.after == HEAD
    assert done.weaker == ("pg_stat_statements is missing: slow queries are not counted",)
    assert migrate(url, app_password=None).applied == ()


@pytest.mark.slow
def test_a_role_that_may_make_roles_runs_weaker_and_says_so(cluster: Server, make_owned: MakeOwned) -> None:
    url = make_owned("maker", "CREATEROLE")
    done = migrate(url, app_password="made-up-too")
    assert done.after == HEAD
    assert {"tastemaker_backup", "tastemaker_door", "pg_stat_statements"} <= {
        sentence.split(" ")[0] for sentence in done.weaker
    }
    application = make_conninfo(url, user="tastemaker_app", password="made-up-too")
    with psycopg.connect(application) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
    assert migrate(url, app_password="another").applied == ()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(application)
    psycopg.connect(make_conninfo(application, password="another")).close()


@pytest.mark.slow
def test_two_databases_of_one_bare_cluster_may_be_migrated_at_once(
    cluster: Server, make_owned: MakeOwned
) -> None:
    for name in ("one", "two", "three"):
        make_owned(name)
    code = (
        "import sys; from tastemaker.db.migrate import migrate;"
        " print(migrate(sys.argv[1], app_password='x', to='0003').after)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, cluster.url(database=name)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two", "three")
    ]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [output.strip() for output, _ in outputs] == ["0003"] * 3, outputs


@pytest.mark.slow
def test_a_role_that_became_too_strong_is_put_back(cluster: Server, make_owned: MakeOwned) -> None:
    make_owned("plain")
    url = cluster.url(database="plain")
    migrate(url, app_password=None, to="0000")
    _run(cluster, "ALTER ROLE tastemaker_app SUPERUSER BYPASSRLS", "ALTER ROLE tastemaker_owner LOGIN")
    migrate(url, app_password=None, to="0000")
    with psycopg.connect(url) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles"
            " WHERE rolname IN ('tastemaker_app', 'tastemaker_owner') ORDER BY 1"
        ).fetchall()
    assert roles == [("tastemaker_app", False, False, True), ("tastemaker_owner", False, False, False)]


@pytest.mark.slow
def test_the_sql_logins_of_earlier_versions_are_dropped(cluster: Server, make_owned: MakeOwned) -> None:
    make_owned("plain")
    url = cluster.url(database="plain")
    migrate(url, app_password=None, to="0059")
    _run(
        cluster,
        "CREATE ROLE tastemaker_sql_1 LOGIN PASSWORD 'made-up' IN ROLE tastemaker_tenant",
        "GRANT CONNECT ON DATABASE plain TO tastemaker_tenant",
        "GRANT USAGE ON SCHEMA extensions TO tastemaker_tenant",
        "INSERT INTO users (user_id) VALUES ('alice')",
        "INSERT INTO sql_access (role_name, tenant_id) VALUES ('tastemaker_sql_1', 'alice')",
        database="plain",
    )
    done = migrate(url, app_password=None)
    assert (done.applied[0], done.weaker) == ("0060_no_sql_logins", ())
    with psycopg.connect(url) as connection:
        left = connection.execute(
            "SELECT to_regrole('tastemaker_sql_1'), to_regclass('sql_access'),"
            " to_regprocedure('app_sql_tenant()'),"
            " has_schema_privilege('tastemaker_tenant', 'extensions', 'USAGE'),"
            " (SELECT datacl::text FROM pg_database WHERE datname = 'plain') LIKE '%tastemaker_tenant%'"
        ).fetchone()
    assert left == (None, None, None, False, False)


def test_a_server_without_a_required_extension(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "EXTENSIONS", {"no_such_extension": None})
    with pytest.raises(DatabaseUnavailable, match="lacks the extension no_such_extension"):
        migrate(empty_url, app_password=None)


def test_a_server_without_an_optional_extension(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "EXTENSIONS", {"pg_trgm": None, "no_such_extension": "it is weaker"})
    assert migrate(empty_url, app_password=None, to="0000").weaker == ("it is weaker",)


def _run(server: Server, *statements: str, database: str = "postgres") -> None:
    with psycopg.connect(server.url(database=database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
