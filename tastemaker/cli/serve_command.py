"""`tastemaker serve`: the web application until it is told to stop, with the jobs that QStash delivers."""

import asyncio

from tastemaker.asgi import create_app, open_deliveries, open_services
from tastemaker.cli import screen
from tastemaker.cli.corpora import prepared_corpus
from tastemaker.cli.session import at_head
from tastemaker.cli.signals import stop_signals
from tastemaker.core.settings import Settings
from tastemaker.db.access import Access
from tastemaker.jobs.transports.qstash import find_qstash
from tastemaker.web.server import serving


def serve(*, host: str, port: int, proxies: str | None, as_json: bool) -> None:
    with at_head() as (settings, access):
        if find_qstash(settings) is not None:
            prepared_corpus(settings)
        asyncio.run(_serve(settings, access, host=host, port=port, proxies=proxies, as_json=as_json))


async def _serve(
    settings: Settings, access: Access, *, host: str, port: int, proxies: str | None, as_json: bool
) -> None:
    stopping = asyncio.Event()
    with stop_signals(stopping):
        async with (
            open_services(settings, access) as services,
            open_deliveries(services, settings, stopping=stopping) as deliveries,
            serving(
                create_app(services, deliveries), host=host, port=port, stopping=stopping, proxies=proxies
            ) as url,
        ):
            if as_json:
                screen.write_json({"url": url})
            else:
                jobs = " Jobs come from QStash." if deliveries else ""
                screen.say(f"Serving on {url}.{jobs} Ctrl-C stops it.")
            await stopping.wait()
