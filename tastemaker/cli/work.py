"""`tastemaker work`: a worker for whatever searches wait, until a stop signal."""

import asyncio

from tastemaker.cli import screen
from tastemaker.cli.groups import single
from tastemaker.cli.options import Json
from tastemaker.cli.process import stop_signals
from tastemaker.cli.session import Session, with_session
from tastemaker.cli.sources import prepared_corpus
from tastemaker.runtime import equipped
from tastemaker.searches.types import LIVE
from tastemaker.worker import run_worker_process

work_app = app = single()


@app.command()
@with_session
async def work(session: Session, *, as_json: Json = False) -> None:
    """Work on whatever searches wait, until Ctrl-C."""
    stopping = asyncio.Event()
    corpus = prepared_corpus(session.settings)
    with stop_signals(stopping):
        async with equipped(session.database, session.settings, corpus=corpus) as equipment:
            if not as_json:
                live = ", ".join(platform.value for platform in equipment.served[LIVE])
                screen.say(f"Working: {f'{live} live, ' if live else ''}the sandbox. Ctrl-C stops it.")
            await run_worker_process(
                session.database, equipment.resources, equipment.senders, stopping=stopping
            )
    if as_json:
        screen.write_json({"served": equipment.served})
