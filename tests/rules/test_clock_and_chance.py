"""Time, ids and randomness come through one module each, so that tests freeze them in one place."""

import ast
from collections.abc import Iterator

from tests.rules.source import Source, Violation, assert_holds, dotted, imported_names, package_sources

JITTER = "jitter before a retry: no result depends on it"

ALLOWED = {
    ("tastemaker/core/clock.py", "*"): "the one reader of the process's clock",
    ("tastemaker/core/ids.py", "*"): "the one source of ids and secrets",
    ("tastemaker/core/backoff.py", "random.uniform"): JITTER,
    ("tastemaker/db/transaction.py", "random.uniform"): JITTER,
    ("tastemaker/searches/run/provider_calls.py", "random.uniform"): JITTER,
}

CLOCKS = {
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.localtime", "time.gmtime",
}  # fmt: skip

IDS = {"uuid.uuid1", "uuid.uuid4", "uuid.uuid7", "os.urandom"}

SEEDED = {"random.Random"}  # with a seed it is the same everywhere; without one it is chance


def clock_or_chance(source: Source) -> Iterator[Violation]:
    names = imported_names(source.tree)
    seeded = {
        id(node.func)
        for node in source.nodes()
        if isinstance(node, ast.Call) and (node.args or node.keywords)
    }
    annotations = {id(part) for note in _annotations(source.tree) for part in ast.walk(note)}
    for node in source.nodes():
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in annotations:
            origin = dotted(node, names)
            if origin in SEEDED and id(node) in seeded:
                continue
            if not ALLOWED.keys().isdisjoint({(source.path, origin), (source.path, "*")}):
                continue
            if origin in CLOCKS | IDS or origin.startswith(("random.", "secrets.")):
                yield Violation(source.path, node.lineno, f"{origin}; use core/clock.py or core/ids.py")


def test_time_ids_and_chance_come_through_core() -> None:
    assert_holds(clock_or_chance, package_sources())


def test_every_exception_is_still_needed() -> None:
    text = {source.path: source.text for source in package_sources()}
    idle = [key for key in ALLOWED if key[1].removeprefix("*").rsplit(".")[-1] not in text.get(key[0], "")]
    assert idle == []


def test_planted_clocks_and_dice_are_found() -> None:
    code = (
        "import time, random, datetime as dt\nfrom datetime import datetime\nfrom uuid import uuid4\n"
        "from secrets import token_hex\n"
        "time.monotonic()\nrandom.random()\ndatetime.now(UTC)\ndt.datetime.now()\nuuid4()\ntoken_hex()\n"
        "field(default_factory=uuid4)\nrandom.Random()\n"
    )
    found = {violation.line for violation in clock_or_chance(Source("tastemaker/jobs/worker.py", code))}
    assert found == {5, 6, 7, 8, 9, 10, 11, 12}


def test_seeded_dice_sleep_and_annotations_are_left_alone() -> None:
    code = (
        "import time\nfrom random import Random\nfrom datetime import datetime\n"
        "time.sleep(1)\ndice = Random(7)\ndice.random()\ndef f(dice: Random, at: datetime) -> Random: ...\n"
    )
    assert list(clock_or_chance(Source("tastemaker/sandbox/corpus.py", code))) == []


def _annotations(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield node.returns
