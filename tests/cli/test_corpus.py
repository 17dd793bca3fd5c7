"""`tastemaker corpus …`: made up, imported, chosen, described."""

from pathlib import Path

import pytest

from tastemaker.core.errors import ExitCode
from tests.cli.conftest import CommandLine

TABLE = """\
Username,Followers,Bio,Email,Video ID,Caption,Likes,Comments,Views,Platform
zumbachess,1200,Zumba chess,zumba@example.org,7300000000000000001,zumba chess for everyone,10,1,100,TikTok
second,many,,,7300000000000000002,zumba chess again,1,1,1,TikTok
"""


def test_a_corpus_is_made_used_and_described(bare: CommandLine, home: Path) -> None:
    document = bare(
        "corpus", "generate", "--creators", "200", "--posts", "2", "--seed", "5", "--json"
    ).document
    assert (sum(document["creators"].values()), document["seed"], document["origin"]) == (200, 5, "synthetic")
    assert bare("corpus", "info", "--json").document == document
    shown = bare("corpus", "info").out
    assert shown.startswith("200 made-up creators\n")
    assert str(home / "corpus") in shown
    assert bare("corpus", "generate", "--creators", "0").status == ExitCode.USAGE


def test_tables_are_imported_and_searched_from_then_on(cli: CommandLine, here: Path) -> None:
    (here / "table.csv").write_text(TABLE)
    told = cli("corpus", "import", "table.csv", "--name", "zumba", "--rejected", "bad.jsonl")
    assert told.status == 0
    assert "The sandbox serves this corpus from now on" in " ".join(told.out.split())
    search = cli("search", "zumba chess", "--platform", "tiktok", "--target", "5")
    assert "these creators come from the imported corpus" in " ".join(search.err.split())
    assert "@zumbachess" in search.out
    assert cli("corpus", "info", "--json").document["origin"] == "imported"
    document = cli("corpus", "import", "table.csv", "--name", "zumba", "--json").document
    assert document["rows"] == document["accepted"] + document["rejected"] == 2


def test_a_corpus_can_be_chosen_and_left_again(bare: CommandLine, here: Path, home: Path) -> None:
    (here / "table.csv").write_text(TABLE)
    bare("corpus", "import", "table.csv", "--name", "zumba")
    assert bare("corpus", "use", "made-up").out == "The sandbox serves the made-up creators from now on.\n"
    assert not (home / "corpus" / "active").exists()
    assert bare("corpus", "use", "zumba", "--json").document["corpus"].endswith("imported-zumba.sqlite3")
    missing = bare("corpus", "use", "rumba")
    assert (missing.status, missing.out) == (ExitCode.NOT_FOUND, "")
    assert "Imported ones: zumba." in missing.err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["nowhere.csv"], ExitCode.USAGE),
        (["notes.txt"], ExitCode.USAGE),
        (["table.csv", "--name", "../x"], ExitCode.USAGE),
        (["table.csv", "--platform", "myspace"], ExitCode.USAGE),
        ([], ExitCode.USAGE),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(
    bare: CommandLine, here: Path, arguments: list[str], status: ExitCode
) -> None:
    (here / "table.csv").write_text(TABLE)
    (here / "notes.txt").write_text("no table\n")
    told = bare("corpus", "import", *arguments)
    assert (told.status, told.out) == (status, ""), told.err
    assert "Traceback" not in told.err
    assert bare("corpus", "import", *arguments, "--json").document["exit_code"] == status
