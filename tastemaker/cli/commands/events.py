from datetime import datetime
from typing import Annotated

import typer

from tastemaker.cli.help_page import Json, Limit, group

app = group("What happened: the event log, and what hears of it.")

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]

Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only events of this type; may be repeated."),
]
Since = Annotated[
    datetime | None, typer.Option("--since", formats=FORMATS, help="Only from this time on (UTC).")
]
Until = Annotated[
    datetime | None, typer.Option("--until", formats=FORMATS, help="Only before this time (UTC).")
]


@app.command("list")
def show_all(
    *,
    types: Types = None,
    since: Since = None,
    until: Until = None,
    after: Annotated[
        str | None, typer.Option("--after", metavar="CURSOR", help="Read on from where a page ended.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the events of everybody, the latest first."""
    from tastemaker.cli.event_commands import Filter, show_events
    from tastemaker.cli.session import in_session

    wanted = Filter(types=tuple(types or ()), since=since, until=until)
    in_session(lambda session: show_events(session, wanted, after=after, limit=limit, as_json=as_json))


@app.command("show")
def show_one(
    event: Annotated[str, typer.Argument(metavar="EVENT|CORRELATION", help="An id of either.")],
    *,
    as_json: Json = False,
) -> None:
    """Show an event, who has to hear of it, and everything that the same request set off."""
    from tastemaker.cli.event_commands import show_event
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_event(session, event, as_json=as_json))


@app.command()
def tail(
    *,
    types: Types = None,
    after: Annotated[
        int | None,
        typer.Option("--after", metavar="SEQ", min=0, help="Begin after this number, 0 is the first."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")] = False,
) -> None:
    """Show events as they happen, until Ctrl-C."""
    from tastemaker.cli.event_commands import follow
    from tastemaker.cli.session import in_session

    in_session(lambda session: follow(session, tuple(types or ()), after=after, as_json=as_json))


@app.command()
def failed(
    *,
    after: Annotated[
        str | None, typer.Option("--after", metavar="CURSOR", help="Read on from where a page ended.")
    ] = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Show the deliveries that were given up, and why."""
    from tastemaker.cli.event_commands import show_failed
    from tastemaker.cli.session import in_session

    in_session(lambda session: show_failed(session, after=after, limit=limit, as_json=as_json))


@app.command()
def replay(
    *,
    which: Annotated[
        str, typer.Option("--which", help="failed, missing (never handed to a subscriber), or all.")
    ] = "failed",
    subscriber: Annotated[
        str | None, typer.Option("--subscriber", metavar="NAME", help="Only for this subscriber.")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", metavar="ID", help="Only this event.")] = None,
    correlation: Annotated[
        str | None, typer.Option("--correlation", metavar="ID", help="Only events of this correlation.")
    ] = None,
    types: Types = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Deliver events again; a worker does it."""
    from tastemaker.cli.event_commands import Filter, Replayed, deliver_again
    from tastemaker.cli.session import in_session

    wanted = Filter(types=tuple(types or ()), since=since, until=until)
    chosen = Replayed(which=which, subscriber=subscriber, event=event, correlation=correlation)
    in_session(lambda session: deliver_again(session, chosen, wanted, as_json=as_json))


@app.command()
def check(
    *,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="First write a snapshot for what has no history.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Rebuild every search and subscription from its events, and compare."""
    from tastemaker.cli.event_commands import compare
    from tastemaker.cli.session import in_session

    return in_session(lambda session: compare(session, snapshot=snapshot, as_json=as_json))
