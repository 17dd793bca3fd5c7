"""The page of what an import understands is the code's own. TASTEMAKER_WRITE_DOCS=1 writes it anew."""

import os
from pathlib import Path

from tastemaker.core.countries import LANGUAGES
from tastemaker.core.numbers import UNITS
from tastemaker.sandbox.tables.files import SUFFIXES
from tastemaker.sandbox.tables.layout import EITHER, OF_CREATORS, OF_POSTS
from tastemaker.sandbox.tables.rows import Reason

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "imports.md"
_INTRODUCTION = """# What an import understands

Written from the code by `tests/rules/test_docs_imports.py`; how an import works is on [the sandbox's
page](sandbox.md#importing-tables). Headings are compared in lower case and without accents; camelCase,
snake_case, dots and hyphens separate words, and what stands in brackets does not count.
"""


def import_reference() -> str:
    """The page in Markdown."""
    tables = [
        ("In every table", EITHER),
        ("In a table of creators", OF_CREATORS),
        ("In a table of posts", OF_POSTS),
    ]
    parts = [_INTRODUCTION]
    for title, fields in tables:
        rows = [f"| `{field}` | {meant} |" for field, meant in fields.items()]
        parts.append("\n".join([f"## {title}", "", "| Field | Headings |", "|---|---|", *rows, ""]))
    reasons = "\n".join(f"- {reason.value}" for reason in Reason)
    parts += [
        f"## Files\n\n{', '.join(f'`{suffix}`' for suffix in SUFFIXES)}, each but `.xlsx` also with `.gz`.\n",
        f"## Units of numbers\n\n{', '.join(f'`{unit}` {factor:,}' for unit, factor in UNITS.items())}.\n",
        f"## Countries\n\nISO codes, and names in these languages: {', '.join(LANGUAGES)}.\n",
        f"## Why something is left out\n\n{reasons}\n",
    ]
    return "\n".join(parts)


def test_the_page_says_what_the_code_understands() -> None:
    if os.environ.get("TASTEMAKER_WRITE_DOCS"):
        PAGE.write_text(import_reference(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == import_reference()
