"""Background jobs beside PgQueuer and Procrastinate: jobs that do nothing, and how soon an urgent one starts.

`python -m bench.queue`, in an environment that has both (`pip install pgqueuer procrastinate`); what is not
installed is left out. Each queue has its tables in a database of its own on the same server, filled once per
level with the same numbers of waiting jobs and of jobs for tomorrow, these at a more urgent priority; before
each measurement as many jobs as it may need are put in front. Each queue works in turn with one worker of its
own, and like is compared with like:

* claims of 10, of 50: so many are claimed at once, and hundreds may be under way (PgQueuer knows no limit).
  Procrastinate always claims one; it has as many places.
* keyed, 50: at most 50 under way, each with a key that lets no two of a kind run at once, its end committed
  before its place is free. Ours claims as many as have a place and writes the ends that come together in one
  transaction, Procrastinate one by one. PgQueuer has no keys.
* keyed, 1: one job after the other. PgQueuer, which has no keys, claims one at a time and waits for none.

PgQueuer and Procrastinate write a row of history for each job; ours writes an event where it says so.
`--bloat 1000000` measures instead what so many jobs leave behind.
"""

import asyncio
import contextlib
import statistics
from time import perf_counter

import psycopg

from bench.measuring import arguments, database, percentile, server
from bench.queue_contenders import (
    FIFTIES,
    KEYED,
    MODEST,
    SINGLE,
    TENS,
    Contender,
    Ours,
    Pace,
    Seen,
    contenders,
)

PROBES = 60
WARM_UP_SECONDS = 1.5
A_SECOND = 16_000
"""As many jobs stand in front for each second that is measured."""


async def rate(contender: Contender, pace: Pace, *, seconds: float) -> float:
    """Jobs a second, once the worker is in full swing: PgQueuer rests for a second after its first batch."""
    seen = Seen()
    async with contender.working(seen, pace):
        async with asyncio.timeout(60):
            while not seen.count:  # noqa: ASYNC110 - the count is what is measured
                await asyncio.sleep(0.002)
        await asyncio.sleep(WARM_UP_SECONDS)
        first, started = seen.count, perf_counter()
        await asyncio.sleep(seconds)
        return (seen.count - first) / (perf_counter() - started)


async def start_latency(contender: Contender) -> list[float]:
    """Seconds from an urgent job's commit to its start, beside whatever else the worker has to do."""
    seen, put = Seen(), {}
    async with contender.working(seen, MODEST):
        await asyncio.sleep(WARM_UP_SECONDS)
        for number in range(PROBES):
            probe = f"probe {number}"
            await contender.put_urgent(probe)
            put[probe] = perf_counter()
            await asyncio.sleep(0.03)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                while len(seen.begun) < PROBES:  # noqa: ASYNC110 - the same
                    await asyncio.sleep(0.01)
    return [max(0.0, begun - put[probe]) for probe, begun in seen.begun.items()]


PACES = (TENS, FIFTIES, KEYED, SINGLE)

Rates = dict[str, list[float | None]]


def measure(found: list[Contender], waiting: int, future: int, *, rounds: int, seconds: int) -> Rates:
    """Medians of each contender's rates; None where it cannot work so."""
    print(f"\n{waiting:,} waiting, {future:,} for tomorrow at a more urgent priority")
    print(f"{'':26}{'claims of 10/s':>16}{'of 50/s':>10}{'keyed, 50/s':>13}{'keyed, 1/s':>12}", end="")
    print(f"{'start p50 ms':>14}{'p99':>9}")
    medians: Rates = {}
    for one in found:
        if not medians or not isinstance(one, Ours):  # both of ours are one table
            one.fill(waiting, future)
        rates: list[list[float]] = [[] for _ in PACES]
        latencies: list[float] = []
        for _ in range(rounds):
            for pace, column in zip(PACES, rates, strict=True):
                if one.can(pace):
                    one.put_in_front(A_SECOND * (seconds + 2), keyed=pace.keyed)
                    column.append(asyncio.run(rate(one, pace, seconds=seconds)))
            one.put_in_front(0, keyed=False)
            latencies += asyncio.run(start_latency(one))
        medians[one.name] = [statistics.median(column) if column else None for column in rates]
        show_row(one.name, medians[one.name], latencies, missing=PROBES * rounds - len(latencies))
    return medians


def show_row(name: str, medians: list[float | None], took: list[float], *, missing: int) -> None:
    told = [f"{number:,.0f}" if number is not None else "-" for number in medians]
    late = (
        [f"{statistics.median(took) * 1e3:.1f}", f"{percentile(took, 99) * 1e3:.1f}"] if took else ["-", "-"]
    )
    print(f"{name:26}{told[0]:>16}{told[1]:>10}{told[2]:>13}{told[3]:>12}{late[0]:>14}{late[1]:>9}", end="")
    print(f"  {missing} never began" if missing else "", flush=True)


def show_slower(empty: Rates, full: Rates, what: str) -> None:
    """How much of the empty queue's rate is left."""
    print(f"\nOf the empty queue's rate, with {what}")
    for name, medians in full.items():
        shares = [
            f"{now / before:.0%}" if now is not None and before else "-"
            for now, before in zip(medians, empty[name], strict=True)
        ]
        print(f"{name:26}{shares[0]:>16}{shares[1]:>10}{shares[2]:>13}{shares[3]:>12}")


def measure_claims(ours: Ours, levels: list[tuple[int, int]], *, rounds: int) -> None:
    print(f"\nOne claim of ours\n{'':50}{'p50 ms':>10}{'p99 ms':>10}")
    for waiting, future in levels:
        ours.fill(waiting, future)
        took = asyncio.run(ours.claim_latency(rounds))
        what = f"{waiting:,} waiting, {future:,} for tomorrow"
        print(f"{what:50}{statistics.median(took) * 1e3:10.3f}{percentile(took, 99) * 1e3:10.3f}")


SIZES = """
    SELECT pg_table_size('background_jobs'), pg_indexes_size('background_jobs'),
           (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'background_jobs'),
           (SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'background_jobs')
"""


def measure_bloat(ours: Ours, jobs: int) -> None:
    """What so many jobs, each claimed and completed, leave in table and indexes."""
    print(f"\n{'':44}{'table MB':>10}{'indexes MB':>12}{'dead rows':>11}{'autovacuums':>13}")
    ours.fill(jobs, 0)
    with psycopg.connect(ours.urls.admin, autocommit=True) as admin:
        admin.execute("SELECT pg_stat_reset_single_table_counters('background_jobs'::regclass)")
        show_sizes(admin, f"{jobs:,} waiting")
        asyncio.run(work_off(ours, jobs))
        show_sizes(admin, "all completed, autovacuum as it comes")
        admin.execute("VACUUM ANALYZE background_jobs")
        show_sizes(admin, "after VACUUM, without waiting for the next one")
        admin.execute("VACUUM FULL background_jobs")
        show_sizes(admin, "as small as these rows can be")


async def work_off(ours: Ours, jobs: int) -> None:
    seen = Seen()
    async with ours.working(seen, FIFTIES):
        while seen.count < jobs:  # noqa: ASYNC110 - the count is what is waited for
            await asyncio.sleep(0.1)


def show_sizes(admin: psycopg.Connection, what: str) -> None:
    admin.execute("SELECT pg_stat_force_next_flush()")
    table, indexes, dead, vacuums = admin.execute(SIZES).fetchone() or (0, 0, 0, 0)
    print(f"{what:44}{table / 1e6:10,.0f}{indexes / 1e6:12,.0f}{dead:11,}{vacuums:13,}", flush=True)


def main() -> None:
    options = arguments(__doc__, most=1_000_000, rounds=1, seconds=3, claims=500, bloat=0)
    with server(options.postgres_bin) as running:
        found = contenders(lambda name: database(running, name, lambda _: None))
        ours = found[0]
        assert isinstance(ours, Ours)
        if options.bloat:
            measure_bloat(ours, options.bloat)
            return
        most = options.most
        if options.claims:
            measure_claims(ours, [(0, 0), (most, most // 5)], rounds=options.claims)
        if not options.rounds:
            return
        pace = {"rounds": options.rounds, "seconds": options.seconds}
        empty = measure(found, 0, 0, **pace)
        for waiting in (most // 10, most):
            full = measure(found, waiting, waiting, **pace)
        show_slower(empty, full, f"{most:,} waiting and {most:,} for tomorrow")


if __name__ == "__main__":
    main()
