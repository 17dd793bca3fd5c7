"""Only `db/transaction.py` commits: a request, a page, a job is one transaction, ended at its edge."""

import ast
import re
from collections.abc import Iterator

from tests.rules.source import Source, Violation, assert_holds, package_sources, strings

ALLOWED = {
    "tastemaker/db/transaction.py": "the edge itself",
    "tastemaker/db/migrate.py": "each migration is its own transaction",
    "tastemaker/sandbox/": "the corpus is a file of the sandbox's own, not the product's database",
    "tastemaker/db/migrations/": "concurrent index builds end Alembic's transaction",
}

COMMIT_WORD = re.compile(r"^\s*(COMMIT|END\s+TRANSACTION)\b", re.IGNORECASE)


def commits(source: Source) -> Iterator[Violation]:
    if source.path.startswith(tuple(ALLOWED)):
        return
    for node in source.nodes():
        if isinstance(node, ast.Call) and _name(node.func) in {"commit", "begin"}:
            yield Violation(
                source.path, node.lineno, f"{_name(node.func)}() outside tastemaker/db/transaction.py"
            )
    for line, text in strings(source):
        if COMMIT_WORD.search(text):
            yield Violation(source.path, line, f"{text.strip()[:20]!r} outside tastemaker/db/transaction.py")


def test_only_the_transaction_commits() -> None:
    assert_holds(commits, package_sources())


def test_planted_commits_are_found() -> None:
    planted = Source(
        "tastemaker/lists/service.py",
        "await session.commit()\ncommit()\nasync with engine.begin(): pass\nexecute('commit')\n",
    )
    assert [found.line for found in sorted(commits(planted))] == [1, 2, 3, 4]


def test_savepoints_and_words_are_no_commits() -> None:
    clean = Source(
        "tastemaker/lists/service.py",
        '"""commit happens at the edge"""\nsession.begin_nested()\nx = "ON COMMIT DROP"\n',
    )
    assert list(commits(clean)) == []


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
