"""`tastemaker version`: which version this is, and what it needs."""

import platform

import tastemaker
from tastemaker.cli.groups import single
from tastemaker.cli.listing import answer
from tastemaker.cli.options import Json
from tastemaker.db import access

version_app = app = single()


@app.command()
def version(*, as_json: Json = False) -> None:
    """Print the version of Tastemaker, and of Python and the schema it needs."""
    facts = {
        "tastemaker": tastemaker.__version__,
        "python": platform.python_version(),
        "schema": access.needed_version(),
    }
    sentence = f"Tastemaker {facts['tastemaker']} (Python {facts['python']}, schema {facts['schema']})"
    answer(facts, sentence, as_json=as_json)
