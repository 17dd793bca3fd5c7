"""`tastemaker work`: a worker for whatever searches wait, until it is told to stop."""

import asyncio

from tastemaker.cli import screen
from tastemaker.cli.corpora import prepared_corpus
from tastemaker.cli.session import Session, in_session
from tastemaker.cli.signals import stop_signals
from tastemaker.cli.sources import open_sources
from tastemaker.mail.mailer import Mailer, mailer_of
from tastemaker.mail.sending import email_senders
from tastemaker.searches.tasks import Sources
from tastemaker.searches.types import LIVE
from tastemaker.worker import run_worker_process


def work(*, as_json: bool) -> None:
    in_session(lambda session: _work(session, as_json=as_json))


async def _work(session: Session, *, as_json: bool) -> None:
    stopping = asyncio.Event()
    corpus = prepared_corpus(session.settings)
    mailer = mailer_of(session.settings)
    with stop_signals(stopping):
        async with open_sources(session, live=True, corpus=corpus) as sources:
            served = {source: sorted(providers) for source, providers in sources.providers.items()}
            if not as_json:
                live = ", ".join(platform.value for platform in served[LIVE])
                screen.say(f"Working: {f'{live} live, ' if live else ''}the sandbox. Ctrl-C stops it.")
            await run_worker_process(
                session.database,
                {Sources: sources, Mailer: mailer},
                email_senders(session.database, mailer),
                stopping=stopping,
            )
    if as_json:
        screen.write_json({"served": served})
