from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("The installation's configuration, as every process reads it.")

Name = Annotated[str, typer.Argument(metavar="KEY", help="A key, such as timeouts.standard_job_timeout.")]


@app.command("list")
def show_all(
    *,
    unused: Annotated[
        bool, typer.Option("--unused", help="Only the rows that nothing reads, which may be removed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every key with its value, or the rows that nothing reads."""
    from tastemaker.cli.config_commands import show_settings
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_settings(session, unused=unused, as_json=as_json))


@app.command()
def get(key: Name, *, as_json: Json = False) -> None:
    """Show one key: its value, what it means, what is accepted, and who reads it."""
    from tastemaker.cli.config_commands import show_setting
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_setting(session, key, as_json=as_json))


@app.command("set")
def change(
    key: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A number, a duration (90s), true or false.")],
    *,
    as_json: Json = False,
) -> None:
    """Change a key. Every running process has the value within seconds, unless a restart is needed."""
    from tastemaker.cli.config_commands import change as write
    from tastemaker.cli.session import in_session

    in_session(lambda session: write(session, key, value, as_json=as_json))


@app.command()
def unset(key: Name, *, as_json: Json = False) -> None:
    """Go back to a key's default, or remove a row that nothing reads."""
    from tastemaker.cli.config_commands import reset
    from tastemaker.cli.session import in_session

    in_session(lambda session: reset(session, key, as_json=as_json))


@app.command()
def history(
    key: Annotated[str | None, typer.Argument(metavar="[KEY]", help="Only the changes of this key.")] = None,
    *,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show what was changed, when and by whom, the latest first."""
    from tastemaker.cli.config_commands import show_history
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_history(session, key, limit=limit, as_json=as_json))
