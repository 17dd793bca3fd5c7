"""`tastemaker keys …`."""

import re

import psycopg

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine


def test_a_key_is_shown_once(cli: CommandLine) -> None:
    assert "no key yet" in cli("keys", "list").out
    made = cli("keys", "create", "a script", "--scope", "searches:read", "--expires-in", "90d")
    secret = made.out.strip()
    assert re.fullmatch(r"tm_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", secret)
    assert "only once" in made.err
    (key,) = cli("keys", "list", "--json").document["keys"]
    assert secret.startswith(key["prefix"])
    assert (key["scopes"], key["state"]) == (["searches:read"], "valid")
    assert secret not in cli("keys", "list").out
    assert key["prefix"] in cli("keys", "list").out


def test_without_scopes_a_key_is_good_for_all(cli: CommandLine) -> None:
    document = cli("keys", "create", "all", "--json").document
    assert len(document["scopes"]) == 6
    assert document["secret"].startswith(document["prefix"])


def test_a_key_is_revoked_by_how_it_begins(cli: CommandLine) -> None:
    prefix = cli("keys", "create", "mine", "--json").document["prefix"]
    assert cli("keys", "revoke", prefix, "--json").document["state"] == "revoked"
    assert cli("keys", "revoke", prefix).status == ExitCode.CONFLICT
    assert cli("keys", "revoke", "tm_000000000000").status == ExitCode.NOT_FOUND
    assert cli("keys", "create", "x", "--scope", "everything").status == ExitCode.USAGE
    assert cli("keys", "create", "x", "--expires-in", "soon").status == ExitCode.USAGE


def test_the_operator_makes_shows_and_revokes_a_users_key(cli: CommandLine, admin_url: str) -> None:
    assert cli("keys", "create", "theirs", "--user", "mallory").status == ExitCode.NOT_FOUND
    with psycopg.connect(admin_url) as owner:
        owner.execute(
            "WITH one AS (INSERT INTO users (user_id) VALUES ('mallory') RETURNING id)"
            " INSERT INTO user_subscriptions (user_id) SELECT id FROM one"
        )
    theirs = cli("keys", "create", "theirs", "--user", "mallory", "--json").document
    assert cli("keys", "list", "--json").document["keys"] == []
    (shown,) = cli("keys", "list", "--user", "mallory", "--json").document["keys"]
    assert shown["prefix"] == theirs["prefix"]
    assert cli("keys", "revoke", theirs["prefix"]).status == ExitCode.NOT_FOUND, "it is not the local user's"
    assert (
        cli("keys", "revoke", theirs["prefix"], "--user", "mallory", "--json").document["state"] == "revoked"
    )
    told = cli("events", "list", "--type", "api_key_created", "--json").document["events"]
    assert [(event["aggregate_id"], event["metadata"]["actor"]) for event in told] == [("mallory", "local")]
