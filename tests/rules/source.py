"""What the house rules read: the project's files, parsed once, and snippets that plant a violation."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

IGNORED_FOLDERS = {".git", ".venv", "__pycache__"}


@dataclass(frozen=True)
class Source:
    """A file of the project. `path` is relative to the root, with slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def package(self) -> str:
        """The package under `tastemaker/` it lives in; a module lying there directly is its own name."""
        parts = PurePosixPath(self.path).parts
        return parts[1].removesuffix(".py") if parts[0] == "tastemaker" and len(parts) > 1 else ""

    @cached_property
    def _nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    def nodes(self) -> Iterator[ast.AST]:
        return iter(self._nodes)


@dataclass(frozen=True, order=True)
class Violation:
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


Rule = Callable[[Source], Iterable[Violation]]


def package_sources() -> list[Source]:
    return _python_files("tastemaker/")


def suite_sources() -> list[Source]:
    return _python_files("tests/", "bench/")


def tracked_sources() -> list[Source]:
    """Every text file that is, or is about to be, in version control."""
    return [Source(path, text) for path in tracked_paths() if (text := _read_text(path)) is not None]


@cache
def tracked_paths() -> tuple[str, ...]:
    """Tracked and not ignored; outside a git checkout (a release archive) every file lying there."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
    else:
        names = [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*")]
    return tuple(
        sorted(
            name
            for name in names
            if name and (ROOT / name).is_file() and IGNORED_FOLDERS.isdisjoint(Path(name).parts)
        )
    )


def assert_holds(rule: Rule, sources: Iterable[Source]) -> None:
    """Fails with every violation on a line of its own, in the order of files and lines."""
    found = [str(violation) for source in sources for violation in sorted(rule(source))]
    assert not found, "\n" + "\n".join(found)


def docstrings(tree: ast.Module) -> set[int]:
    """The `id` of every string that stands alone as a statement: documentation, not data."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def strings(source: Source) -> Iterator[tuple[int, str]]:
    """Line and value of every string of the code, parts of f-strings included, docstrings left out."""
    documentation = docstrings(source.tree)
    for node in source.nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Local name → dotted origin, for every import of the file: `{"t": "time", "now": "x.now"}`."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """`time.monotonic` for the expression that means it, whatever it was imported as; "" for others."""
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and (base := dotted(node.value, names)):
        return f"{base}.{node.attr}"
    return ""


@cache
def _python_files(*folders: str) -> list[Source]:
    return [
        Source(path, (ROOT / path).read_text())
        for path in tracked_paths()
        if path.endswith(".py") and path.startswith(folders)
    ]


def _read_text(path: str) -> str | None:
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
