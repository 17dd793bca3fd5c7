"""A worker whose jobs leave traces in every machine at once: `python -m tests.worker.errands URL FOLDER`.

An errand records an event, publishes the errand after it and puts two messages into the outbox, in one
transaction; one that runs again finds its event and leaves it at that. A subscriber answers each event with a
message of its own. What leaves is appended to files.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from tastemaker.config_store.hot_reload import live_configuration
from tastemaker.db.claims import SYSTEM
from tastemaker.db.pool import open_database
from tastemaker.db.profiles import PoolProfile
from tastemaker.db.transaction import Transaction, in_transaction
from tastemaker.events.dispatcher import DispatcherSettings, run_dispatcher
from tastemaker.events.names import Source
from tastemaker.events.payloads import CampaignCreated
from tastemaker.events.recorded import RecordedEvent
from tastemaker.events.service import record
from tastemaker.events.subscribers import subscribes
from tastemaker.jobs.registry import handles, registered_handlers
from tastemaker.jobs.service import publish
from tastemaker.jobs.types import Done, JobContext, JobResult, JobType
from tastemaker.jobs.worker import run_worker
from tastemaker.jobs.worker_state import WorkerSettings
from tastemaker.outbox.channels import Channel, Guarantee, OutgoingMessage, Sender, Sent
from tastemaker.outbox.relay import RelaySettings, run_relay
from tastemaker.outbox.service import put

ONCE: Final = Channel(name="test_once", guarantee=Guarantee.AT_MOST_ONCE, meaning="A letter.", deadline=1.0)
SURELY: Final = Channel(
    name="test_surely", guarantee=Guarantee.AT_LEAST_ONCE, meaning="A call.", deadline=1.0
)
ECHO: Final = Channel(name="test_echo", guarantee=Guarantee.AT_LEAST_ONCE, meaning="An echo.", deadline=1.0)
CHANNELS: Final = (ONCE, SURELY, ECHO)


class Errand(BaseModel):
    """The `number`th of a chain; nothing follows the `last`."""

    chain: str
    number: int
    last: int


ERRAND: Final = JobType(name="errand", payload=Errand, max_retries=1000)


async def run_errand(context: JobContext, errand: Errand) -> JobResult:
    async def work(tx: Transaction) -> None:
        key = f"{errand.chain}-{errand.number}"
        payload = CampaignCreated(name=key, search_type="keyword")
        if await record(tx, payload, aggregate_id=key, source=Source.SYSTEM_AUTOMATION) is None:
            return
        for channel in (ONCE, SURELY):
            await put(tx, channel=channel, body={"key": key}, dedupe_key=key)
        if errand.number < errand.last:
            following = errand.model_copy(update={"number": errand.number + 1})
            await publish(tx, ERRAND, following, dedupe_key=f"{errand.chain}-{following.number}")

    await in_transaction(context.database, SYSTEM, work)
    return Done({"number": errand.number})


async def echo(tx: Transaction, event: RecordedEvent) -> None:
    await put(tx, channel=ECHO, body={"key": event.aggregate_id}, dedupe_key=str(event.id))


def sender(folder: Path, channel: Channel) -> Sender:
    """Appends what it sends to a file: the outside world, which forgets nothing."""

    async def send(message: OutgoingMessage) -> Sent:
        await asyncio.sleep(0.01)
        with (folder / channel.name).open("a") as file:
            file.write(f"{message.dedupe_key} {message.body['key']}\n")
        await asyncio.sleep(0.01)
        return Sent()

    return send


WORKER: Final = WorkerSettings(concurrency=8, poll=0.1, lease=2.0, heartbeat=0.5, grace=0.5)
DISPATCHER: Final = DispatcherSettings(poll=0.1, lease=2.0, deadline=1.0)
RELAY: Final = RelaySettings(poll=0.1, grace=0.5)


async def main(url: str, folder: Path) -> None:
    handles(ERRAND)(run_errand)
    subscribes(CampaignCreated, name="test_echo")(echo)
    never = asyncio.Event()
    senders = {channel: sender(folder, channel) for channel in CHANNELS}
    async with (
        open_database(url, PoolProfile(min_size=2, max_size=8)) as database,
        live_configuration(database) as config,
        asyncio.TaskGroup() as parts,
    ):
        handlers = registered_handlers({})
        parts.create_task(run_worker(database, handlers, stopping=never, config=config, settings=WORKER))
        parts.create_task(run_dispatcher(database, stopping=never, settings=DISPATCHER))
        parts.create_task(run_relay(database, senders, stopping=never, settings=RELAY))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
