"""What nobody runs in the tests names only what there is: benchmarks and faults import from the package."""

import ast
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from tests.rules.source import Source, Violation, assert_holds, tracked_sources


def stale_imports(source: Source) -> Iterator[Violation]:
    if not source.path.startswith(("bench/", "tests/faults/")) or not source.path.endswith(".py"):
        return
    for node in source.nodes():
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("tastemaker."):
            module = import_module(str(node.module))
            for name in node.names:
                if not hasattr(module, name.name) and not _is_module(module, name.name):
                    yield Violation(source.path, node.lineno, f"{node.module} has no {name.name}")


def _is_module(package: ModuleType, name: str) -> bool:
    return hasattr(package, "__path__") and find_spec(f"{package.__name__}.{name}") is not None


def test_benchmarks_and_faults_import_what_there_is() -> None:
    assert_holds(stale_imports, tracked_sources())


def test_a_name_that_went_away_is_found() -> None:
    gone = Source("bench/old.py", "from tastemaker.core.clock import sundial, utc_now\n")
    assert [violation.what for violation in stale_imports(gone)] == ["tastemaker.core.clock has no sundial"]
