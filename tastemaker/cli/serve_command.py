"""`tastemaker serve`: the web application, until it is told to stop."""

import asyncio

from tastemaker.asgi import create_app, open_services
from tastemaker.cli import screen
from tastemaker.cli.session import at_head
from tastemaker.cli.signals import stop_signals
from tastemaker.core.settings import Settings
from tastemaker.db.access import Access
from tastemaker.web.serving import serving


def serve(*, host: str, port: int, proxies: str | None, as_json: bool) -> None:
    with at_head() as (settings, access):
        asyncio.run(_serve(settings, access, host=host, port=port, proxies=proxies, as_json=as_json))


async def _serve(
    settings: Settings, access: Access, *, host: str, port: int, proxies: str | None, as_json: bool
) -> None:
    stopping = asyncio.Event()
    with stop_signals(stopping):
        async with open_services(settings, access) as services:
            app = create_app(services)
            async with serving(app, host=host, port=port, stopping=stopping, proxies=proxies) as url:
                if as_json:
                    screen.write_json({"url": url})
                else:
                    screen.say(f"Serving on {url}. Ctrl-C stops it.")
                await stopping.wait()
