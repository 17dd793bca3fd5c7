from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, group

app = group("What runs again and again, once for all workers.")


@app.command("list")
def show_all(*, as_json: Json = False) -> None:
    """Show every schedule: how often, when last, when next."""
    from tastemaker.cli.schedule_commands import show_schedules
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_schedules(session, as_json=as_json))


@app.command()
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which schedule.")], *, as_json: Json = False
) -> None:
    """Publish a schedule's job now; a worker does it."""
    from tastemaker.cli.schedule_commands import run as publish
    from tastemaker.cli.session import in_session

    in_session(lambda session: publish(session, name, as_json=as_json))
