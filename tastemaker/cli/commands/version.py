import typer

from tastemaker.cli.help_page import Json


def version(*, as_json: Json = False) -> None:
    """Print the version of Tastemaker, and of Python and the schema it needs."""
    import platform

    import tastemaker
    from tastemaker.db.access import needed_version

    facts = {
        "tastemaker": tastemaker.__version__,
        "python": platform.python_version(),
        "schema": needed_version(),
    }
    if as_json:
        from tastemaker.cli.screen import write_json

        write_json(facts)
    else:
        typer.echo(f"Tastemaker {facts['tastemaker']} (Python {facts['python']}, schema {facts['schema']})")
