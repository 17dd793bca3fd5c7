"""The project speaks of itself alone: no machine's paths, no registry's hosts, no people, no keys."""

import re
from collections.abc import Iterator

import pytest

from tests.rules.source import Source, Violation, assert_holds, tracked_sources

ITSELF = "tests/rules/test_hygiene.py"  # plants what it looks for

MACHINE_PATH = re.compile(r"(?<![\w.~}>)-])/(?:work|root|home/\w+|Users/\w+)/[\w.]")

REGISTRIES = re.compile(
    r"\b(pypi\.org|pythonhosted\.org|test\.pypi|npmjs\.(?:org|com)|deb\.debian\.org|crates\.io|rubygems\.org"
    r"|pypi\.python\.org|conda\.anaconda)\b",
    re.IGNORECASE,
)

EMAIL = re.compile(r"(?<![\w/:.%+-])[\w.%+-]+@(?P<domain>(?:[\w-]+\.)+[a-z]{2,})\b", re.IGNORECASE)
RESERVED = re.compile(r"^(?:.+\.)?example\.(?:com|org|net)$|^(?:.+\.)?(?:example|invalid)$", re.IGNORECASE)
PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|svg)$", re.IGNORECASE)
NOT_ADDRESSES = {
    "IG@jane.doe",
    "IG@name.surname",
}  # handles, which the e-mail pattern must not take for an address
NOBODY = re.compile(r"^(?:no-?reply|git)@", re.IGNORECASE)

KEYS = re.compile(
    r"AIza[\w-]{35}|\b[srp]k_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/]{24,}|\bAKIA[A-Z0-9]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{15,}"
)

BINARY_LIKE = ("requirements/",)  # hashes; tests/rules/test_lock.py reads them


def unclean(source: Source) -> Iterator[Violation]:
    if source.path == ITSELF or source.path.startswith(BINARY_LIKE):
        return
    for number, line in enumerate(source.lines, 1):
        for what, pattern in (
            ("a path of one machine", MACHINE_PATH),
            ("a registry's host", REGISTRIES),
            ("something like a key", KEYS),
        ):
            if pattern.search(line):
                yield Violation(source.path, number, what)
        for found in EMAIL.finditer(line):
            if not _is_harmless(found[0], found["domain"]):
                yield Violation(source.path, number, "an e-mail address outside example.com and example.org")


def test_every_tracked_file_is_clean() -> None:
    assert_holds(unclean, tracked_sources())


@pytest.mark.parametrize(
    "planted",
    [
        "see /work/main/notes",
        'HOME = "/root/.config"',
        "cd /home/alice/tastemaker",
        "/Users/bob/x",
        "from https://pypi.org/simple",
        "write to alice@gmail.com now",
        "mailto=bob@company.co.uk",
        "key=AIza" + "x" * 35,
        "sk_live_" + "a1" * 12,
        "-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_planted_leaks_are_found(planted: str) -> None:
    assert list(unclean(Source("docs/page.md", planted)))


@pytest.mark.parametrize(
    "clean",
    [
        "alice@example.com, bob@mail.example.org, noreply@company.com",
        "postgresql://app:secret@db.internal.net/tastemaker",
        "GET /work and $HOME/work/x and tests/root/file",
        "@dataclass(frozen=True)",
        "AIza is how keys begin",
    ],
)
def test_what_is_no_leak_is_left_alone(clean: str) -> None:
    assert not list(unclean(Source("docs/page.md", clean)))


def _is_harmless(address: str, domain: str) -> bool:
    return bool(
        RESERVED.match(domain) or NOBODY.match(address) or PICTURE.search(domain) or address in NOT_ADDRESSES
    )
