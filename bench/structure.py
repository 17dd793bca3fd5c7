"""How large the package is, and how much of it one warm search of 20 creators runs.

`.venv/bin/python -m bench.structure`. Counts modules, lines, statements, and class names that stand for more
than one thing; then searches the sandbox twice in one process and counts what the second search runs.
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from os import environ
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tastemaker"
FOLDERS = ("cli", "searches", "db", "jobs", "events")
CLASS = re.compile(r"^class ([A-Z]\w*)", re.MULTILINE)
STATEMENT = re.compile(r"\b(?:text|statement|composed)\(\s*(?:\"|'|[A-Z_]+\.format)")
SEARCH = ("search", "chess", "--platform", "tiktok", "--target", "20", "--sandbox")


def main() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if "versions" not in path.parts]
    migrations = [*PACKAGE.rglob("versions/*.py")]
    texts = {path: path.read_text() for path in [*files, *migrations]}
    classes = Counter(name for text in texts.values() for name in CLASS.findall(text))
    functions, executed = warm_search()
    rows = {
        "modules": len(texts),
        "lines": sum(text.count("\n") for text in texts.values()),
        "SQL statements outside migrations": sum(len(STATEMENT.findall(texts[path])) for path in files),
        "class names with more than one meaning": sum(count > 1 for count in classes.values()),
        **{f"files in {name}/": len([*(PACKAGE / name).rglob("*.py")]) for name in FOLDERS},
        "functions that a warm search runs": functions,
        "files that a warm search runs": executed,
    }
    for name, number in rows.items():
        print(f"| {name} | {number:,} |")


def warm_search() -> tuple[int, int]:
    """Functions and files of the package that the second of two searches in one process runs."""
    with tempfile.TemporaryDirectory() as home:
        environ["TASTEMAKER_HOME"] = home
        try:
            _search()
            seen: set[tuple[str, str]] = set()
            _traced(_search, seen)
        finally:
            subprocess.run(
                [sys.executable, "-m", "tastemaker.cli", "db", "stop"], check=True, capture_output=True
            )
    return len(seen), len({file for file, _ in seen})


def _search() -> None:
    from tastemaker.cli.process import main as run  # noqa: PLC0415 - it reads the environment

    printed = StringIO()
    sys.argv = ["tastemaker", *SEARCH]
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            run()
        except SystemExit as end:
            if end.code:
                raise RuntimeError(printed.getvalue()) from None


def _traced(work: Callable[[], None], seen: set[tuple[str, str]]) -> None:
    place = str(PACKAGE)

    def note(frame: FrameType, event: str, _argument: Any) -> None:  # noqa: ANN401 - the interpreter's
        if event == "call" and frame.f_code.co_filename.startswith(place):
            seen.add((frame.f_code.co_filename, f"{frame.f_code.co_qualname}:{frame.f_code.co_firstlineno}"))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # None ends it, as for sys


if __name__ == "__main__":
    main()
