"""`tastemaker work`: a worker for whatever searches wait, until it is told to stop."""

import asyncio

from tastemaker.cli import screen
from tastemaker.cli.corpora import prepared_corpus
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.signals import stop_signals
from tastemaker.cli.sources import open_sources
from tastemaker.config_store.live import live_configuration
from tastemaker.events.dispatcher import run_dispatcher
from tastemaker.jobs.worker import run_worker
from tastemaker.ops.tasks import ops_handlers
from tastemaker.searches.sweeping import sweeping
from tastemaker.searches.tasks import search_handlers


def work(*, as_json: bool) -> None:
    in_session(lambda session: _work(session, as_json=as_json))


async def _work(session: Session, *, as_json: bool) -> None:
    stopping = asyncio.Event()
    corpus = prepared_corpus(session.settings)
    with stop_signals(stopping):
        async with (
            open_sources(session, live=True, corpus=corpus) as sources,
            live_configuration(session.database) as config,
        ):
            served = {source: sorted(providers) for source, providers in sources.providers.items()}
            if not as_json:
                live = ", ".join(platform.value for platform in served["live"])
                screen.say(f"Working: {f'{live} live, ' if live else ''}the sandbox. Ctrl-C stops it.")
            handlers = {**search_handlers(sources), **ops_handlers()}
            async with sweeping(session.database):
                await asyncio.gather(
                    run_worker(session.database, handlers, stopping=stopping, config=config),
                    run_dispatcher(session.database, stopping=stopping),
                )
    if as_json:
        screen.write_json({"served": served})
