import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.sandbox import corpus as corpora
from tastemaker.sandbox.corpus import (
    CorpusNotWritten,
    activate,
    active_corpus,
    ensure_corpus,
    generate,
    info,
    named_corpus,
)
from tastemaker.sandbox.faults import Faults
from tastemaker.sandbox.server import serve
from tastemaker.sandbox.store import CorpusUnreadable, CreatorRow, PostRow, reading


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "DEFAULT_CREATORS", 120)
    monkeypatch.setattr(corpora, "DEFAULT_POSTS_PER_CREATOR", 2)


def test_the_made_up_corpus_is_made_once(tmp_path: Path) -> None:
    path = ensure_corpus(tmp_path, seed=4)
    made = path.stat()
    assert info(path).seed == 4
    assert ensure_corpus(tmp_path, seed=4) == path
    assert path.stat() == made
    assert ensure_corpus(tmp_path, seed=5) != path
    assert path.exists()


def test_a_changed_generator_makes_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = ensure_corpus(tmp_path)
    monkeypatch.setattr(corpora, "generator_version", lambda: "changed")
    new = ensure_corpus(tmp_path)
    assert new != old
    assert not old.exists()


def test_processes_that_start_together_share_one(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from tastemaker.sandbox import corpus; corpus.DEFAULT_CREATORS = 120;"
        "made = lambda *_: sys.stderr.write('made');"
        "print(corpus.ensure_corpus(pathlib.Path(sys.argv[1]), progress=made))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    root = Path(__file__).parents[2]
    started = [subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=root) for _ in range(3)]
    said = [process.communicate(timeout=60) for process in started]
    assert len({path for path, _ in said}) == 1
    assert sorted(made for _, made in said) == ["", "", "made"]
    path = Path(said[0][0].strip())
    assert sum(info(path).creators.values()) == 120
    assert {each.name for each in (tmp_path / "corpus").iterdir()} == {"lock", path.name}


def test_an_interrupted_generation_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_corpus(tmp_path, progress=interrupt)
    assert {path.name for path in (tmp_path / "corpus").iterdir()} == {"lock"}
    assert ensure_corpus(tmp_path).exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusNotWritten, match="cannot be written"):
        ensure_corpus(tmp_path / "file")
    with pytest.raises(CorpusNotWritten, match="cannot be written"):
        generate(tmp_path / "file" / "corpus", creators=1, seed=1)


def test_without_a_choice_the_made_up_corpus_is_active(tmp_path: Path) -> None:
    assert active_corpus(tmp_path) == ensure_corpus(tmp_path)


def test_a_chosen_corpus_is_active_until_it_is_unchosen(tmp_path: Path) -> None:
    mine = named_corpus(tmp_path, "mine")
    generate(mine, creators=3, seed=9)
    activate(tmp_path, mine)
    assert active_corpus(tmp_path).resolve() == mine.resolve()
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    assert active_corpus(moved).name == mine.name
    activate(moved, None)
    activate(moved, None)
    assert info(active_corpus(moved)).origin == "synthetic"


def test_a_corpus_elsewhere_can_be_chosen(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.sqlite3"
    generate(elsewhere, creators=3, seed=9)
    activate(tmp_path / "home", elsewhere)
    assert active_corpus(tmp_path / "home") == elsewhere.resolve()
    elsewhere.unlink()
    with pytest.raises(CorpusUnreadable, match="is gone"):
        active_corpus(tmp_path / "home")


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to look like one" * 20])
def test_what_is_no_corpus_cannot_be_chosen(tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    with pytest.raises(CorpusUnreadable):
        activate(tmp_path, other)
    with pytest.raises(CorpusUnreadable, match="no readable corpus"):
        activate(tmp_path, tmp_path / "missing")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a b"])
def test_odd_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        named_corpus(tmp_path, name)


def test_rows_have_their_fields_in_the_tables_order(corpus: Path) -> None:
    with reading(corpus) as connection:
        for table, row in (("creators", CreatorRow), ("posts", PostRow)):
            columns = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
            assert columns == list(row._fields)


def test_a_reader_cannot_write(corpus: Path) -> None:
    with pytest.raises(CorpusUnreadable, match="readonly"), reading(corpus) as connection:
        connection.execute("DELETE FROM creators")
    with sqlite3.connect(corpus) as connection:
        assert connection.execute("SELECT count(*) FROM creators").fetchone() != (0,)
    connection.close()


async def test_a_server_leaves_no_signal_handler_and_no_port_behind(corpus: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with serve(corpus) as url, httpx.AsyncClient(base_url=url) as client:
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
        assert (await client.get("/_sandbox/calls")).status_code == 200
    async with httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/_sandbox/calls")


async def test_a_server_stops_while_somebody_still_waits(corpus: Path) -> None:
    begin = time.monotonic()
    async with httpx.AsyncClient() as client:
        async with serve(corpus, faults=Faults(latency=60)) as url:
            waiting = asyncio.create_task(client.get(f"{url}/youtube/v3/search", params={"key": "sandbox"}))
            await asyncio.sleep(0.2)
        with suppress(httpx.HTTPError):
            assert (await waiting).status_code == 500
    assert time.monotonic() - begin < 10


async def test_two_servers_run_side_by_side(corpus: Path) -> None:
    async with serve(corpus) as first, serve(corpus) as second:
        assert first != second


async def test_many_calls_at_once(corpus: Path) -> None:
    async with serve(corpus) as url, httpx.AsyncClient(base_url=url) as client:
        params = {"part": "snippet", "key": "sandbox", "type": "video"}
        answers = await asyncio.gather(
            *(client.get("/youtube/v3/search", params=params | {"q": word}) for word in ["art", "music"] * 15)
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 2
