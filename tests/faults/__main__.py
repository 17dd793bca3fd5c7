"""`make faults`: every fault of the scorecard, a line for each as it ends, and the report.

`python -m tests.faults [--long|--short] [--only A1,B2] [--jobs 4]`. Exits with 1 where one was not survived.
"""

import argparse
import asyncio
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults import (  # noqa: F401 - they register themselves
    callbacks,
    contents,
    leaving,
    processes,
    product,
    queue,
    refusals,
    servers,
)
from tests.faults.registry import FAULTS, Fault
from tests.faults.scorecard import Score, run_all

LONG_WAITS = frozenset({"A2", "A3", "A4", "A6", "A7", "A16", "A17", "B2", "B3", "B4", "D3", "D4", "D6", "D7"})
"""Left out of the short form, which an ordinary machine does in a minute and a half."""

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
ENOUGH = 2 << 30


def chosen(only: str | None) -> list[Fault]:
    """By id or by the first letter of ids, in the order of the notes."""
    wanted = [word.strip().upper() for word in only.split(",")] if only else []
    ranked = sorted(FAULTS.values(), key=lambda one: (one.id[0], int(one.id[1:])))
    unknown = [word for word in wanted if not any(word in {one.id, one.id[0]} for one in ranked)]
    if unknown:
        raise SystemExit(f"There is no fault {', '.join(unknown)}.")
    return [one for one in ranked if not wanted or one.id in wanted or one.id[0] in wanted]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--long", action="store_true", help="every seed, and 1,000 seeded kills of workers")
    parser.add_argument("--short", action="store_true", help="those that wait for little: for every change")
    parser.add_argument("--only", help="ids or families, comma-separated: A1,B2,D")
    parser.add_argument("--jobs", type=int, default=4, help="how many faults at the same time")
    given = parser.parse_args(arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # lost connections are the point
    faults = [one for one in chosen(given.only) if not (given.short and one.id in LONG_WAITS)]
    base = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH else None
    with tempfile.TemporaryDirectory(prefix="tastemaker-faults-", dir=base) as name:
        folder = Path(name)
        folder.chmod(0o755)
        score: Score = asyncio.run(run_all(faults, folder, long=given.long, at_once=given.jobs))
    sys.stdout.write(f"{score.line}\n")
    return 0 if score.is_perfect else 1


if __name__ == "__main__":
    raise SystemExit(main())
