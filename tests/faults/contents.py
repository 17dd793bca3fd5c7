"""B5 to B12: pages that say strange things, say too much, come twice or never end."""

import json
import random
import re
from typing import Any

from tastemaker.cli.plain_text import plain
from tastemaker.core.settings import Settings
from tastemaker.db.claims import SYSTEM
from tastemaker.db.transaction import transaction
from tastemaker.searches.exclusions.names import ensure_key, name_creator
from tastemaker.searches.exclusions.service import exclude, suppress
from tastemaker.searches.types import EndReason, Outcome
from tests.faults.registry import Result, expect, fault
from tests.faults.site import Site
from tests.faults.wire import PER_PAGE, body, item, pages, position, stable_id, stable_ids
from tests.providers.remote import Asked, Reply, as_json

FOLLOWERS = "SELECT followers FROM creators WHERE stable_id = %s"


@fault("B5", "schema drift: renamed, missing, null, text for numbers, negative and 1e400 followers")
async def drift(site: Site, seed: int) -> Result:
    """A bad field is NULL, never a crash and never 0; the creator is kept."""
    odd: list[Any] = ["-", -5, float("inf"), None, [], {}, True, "1.5.2", -(2**31), "1,234K", 12.5]
    readable: dict[Any, int] = {"42.5K": 42_500, "1,234": 1234, "16.7m": 16_700_000, 7.0: 7}
    random.Random(seed).shuffle(odd)  # noqa: S311 - a plan, not a secret
    items = [item(number, follower_count=value) for number, value in enumerate([*odd, *readable], 1)]
    renamed = item(100)
    renamed["aweme_info"]["author"]["followerCount"] = renamed["aweme_info"]["author"].pop("follower_count")
    missing = item(101)
    del missing["aweme_info"]["statistics"], missing["aweme_info"]["desc"]
    strange = item(102, nickname=["a", "list"], signature=17, unique_id=None)
    numbered = item(103, uid=6000000103)
    nameless = [item(104, uid=None), {"aweme_info": None}, {}, 5, None]
    items += [renamed, missing, strange, numbered, *nameless]
    site.remote.script = lambda _: as_json(body(items, 0, more=False))
    worker = await site.worker()
    search = await site.start("chess", target=500)
    await site.ended()
    ended = await site.bench.reload(search)
    kept = len(odd) + len(readable) + 4
    expect(
        (ended.stored, ended.outcome) == (kept, Outcome.FULL), f"{ended.stored} of {kept}, {ended.outcome}"
    )
    for number, value in enumerate(odd, 1):
        said = await site.one(FOLLOWERS, stable_id(number))
        expect(said is None, f"{value!r} followers became {said}")
    for number, (value, means) in enumerate(readable.items(), 1 + len(odd)):
        said = await site.one(FOLLOWERS, stable_id(number))
        expect(said == means, f"{value!r} followers became {said}")
    expect(worker.runs, "the worker died")
    return Result(acknowledged=ended.stored, seen=f"{len(nameless)} items without an id left out, rest kept")


@fault("B6", "huge pages: 50 MB, 100,000 creators, nested 100,000 deep")
async def huge(site: Site, seed: int) -> Result:
    """Refused before the database sees it, for good, in bounded memory; the other keyword is kept."""
    deep = b'{"success": true, "search_item_list": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    many = json.dumps(body([item(number) for number in range(100_000)], 0, more=False)).encode()
    bodies = {"fat": b'{"x": "' + b"a" * 50_000_000 + b'"}', "deep": deep, "many": many}
    fine = pages(60, first={"fine": 0})
    site.remote.script = lambda asked: (
        Reply(bodies[asked.params["query"]]) if asked.params["query"] in bodies else fine(asked)
    )
    worker = await site.worker()
    before = _peak(worker.process.pid)
    search = await site.start(*bodies, "fine", target=500)
    await site.ended()
    ended = await site.bench.reload(search)
    expect((ended.stored, ended.outcome) == (60, Outcome.PARTIAL), f"{ended.stored}, {ended.outcome}")
    calls = len(site.remote.asked)
    expect(calls == len(bodies) + 2, f"{calls} calls: a page that is refused for good was asked for again")
    expect(worker.runs, "the worker died")
    grown = _peak(worker.process.pid) - before
    expect(grown < 200, f"the worker grew by {grown} MB")
    return Result(acknowledged=ended.stored, seen=f"each refused once, worker grew by {grown} MB")


def _peak(pid: int) -> int:
    """Megabytes of memory that a process had at most."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:  # noqa: PTH123 - the kernel's, no path of ours
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


@fault("B7", "NUL bytes, lone surrogates, NaN and Infinity, keys that come twice")
async def unstorable(site: Site, seed: int) -> Result:
    """One bad creator of twenty-five costs none of the others, and is kept itself, cleaned."""
    bad = random.Random(seed).randrange(25)  # noqa: S311 - a plan, not a secret
    items = [item(number) for number in range(25)]
    author = items[bad]["aweme_info"]["author"]
    author |= {"nickname": "NICKNAME", "signature": "SIGNATURE", "follower_count": "FOLLOWERS"}
    said = json.dumps(body(items, 0, more=False))
    said = said.replace('"NICKNAME"', r'"a\u0000b \ud800 \udc00\ud800 c"')
    said = said.replace('"SIGNATURE"', '"first", "signature": "second"').replace('"FOLLOWERS"', "NaN")
    said = said.replace('"play_count": 3,', '"play_count": -Infinity,')
    site.remote.script = lambda _: Reply(said.encode())
    worker = await site.worker()
    search = await site.start("chess", target=100)
    await site.ended()
    expect(await site.stored() == stable_ids(range(25)), "creators were lost with the bad one")
    name, bio, followers = (
        await site.ask("SELECT name, bio, followers FROM creators WHERE stable_id = %s", stable_id(bad))
    )[0]
    expect("\0" not in name and name.startswith("ab ") and "\ufffd" in name, f"the name became {name!r}")
    expect((bio, followers) == ("second", None), f"bio {bio!r}, followers {followers!r}")
    expect(worker.runs, "the worker died")
    return Result(acknowledged=(await site.bench.reload(search)).stored, seen="25 of 25 kept")


MOST_PAGES = 7
HELD = "SELECT stable_id FROM search_creators WHERE job_id = %s"
_ACTS = re.compile("[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]")
NAMES = {
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
    "right to left": "abc \u202e gnp.exe",
    "combining": "Z" + "\u0351" * 60 + "algo",
    "long": "x" * 10_000,
    "composed": "Andr\u00e9",
    "decomposed": "Andre\u0301",
    "full width": "\uff23\uff28\uff25\uff33\uff33",
}


@fault("B8", "emoji sequences, right-to-left overrides, combining marks, 10,000 characters, NFC and NFD")
async def scripts(site: Site, seed: int) -> Result:
    """What came is what is stored, to the code point, and nothing of it turns a terminal's line around.

    Accounts are their ids, however their handles look; an excluded handle is excluded in each spelling.
    """
    order = random.Random(seed).sample(sorted(NAMES), len(NAMES))  # noqa: S311 - a plan, not a secret
    items = [item(number, nickname=NAMES[name], unique_id=NAMES[name]) for number, name in enumerate(order)]
    site.remote.script = lambda _: as_json(body(items, 0, more=False))
    worker = await site.worker()
    search = await site.start("chess", target=100)
    await site.ended()
    expect(await site.stored() == stable_ids(range(len(order))), "creators were lost")
    for number, name in enumerate(order):
        kept = await site.one("SELECT name FROM creators WHERE stable_id = %s", stable_id(number))
        expect(kept == NAMES[name], f"the {name} name came back otherwise")
        expect(not _ACTS.search(plain(kept)), f"the {name} name acts on a terminal")
    async with transaction(site.database, site.user.claim) as tx:
        await exclude(tx, site.user, [name_creator("TikTok", "@ANDR\u00c9"), name_creator("TikTok", "chess")])
    again = await site.start("makeup", target=100)
    await site.ended()
    left_out = {stable_id(order.index(name)) for name in ("composed", "decomposed", "full width")}
    held = {row[0] for row in await site.ask(HELD, again.id)}
    expect(held == stable_ids(range(len(order))) - left_out, "who is excluded depends on the way to write it")
    expect(worker.runs, "the worker died")
    stored = [(await site.bench.reload(one)).stored for one in (search, again)]
    return Result(
        acknowledged=sum(stored), seen=f"{len(order)} names round-trip, three left out by two spellings"
    )


@fault("B9", "cursor loops, empty pages with a next cursor, pages that never end, also full ones")
async def loops(site: Site, seed: int) -> Result:
    """Each keyword ends by itself, and says why."""
    calls: dict[str, int] = {}

    def script(asked: Asked) -> Reply:
        keyword, at = asked.params["query"], position(asked)
        calls[keyword] = calls.get(keyword, 0) + 1
        match keyword:
            case "same":
                return as_json(body([item(number) for number in range(30)], at or 30))
            case "round":
                return as_json(body([item(1000 + at + n) for n in range(30)], {0: 30, 30: 60}.get(at, 30)))
            case "empty":
                return as_json(body([], at + 30))
            case "endless":
                return as_json(body([item(2000 + n) for n in range(30)], at + 30))
            case _:
                return as_json(body([item(3000 + at + n) for n in range(30)], at + 30))

    site.remote.script = script
    worker = await site.worker()
    await site.configure(api_limits__max_api_calls_tiktok=str(MOST_PAGES))
    keywords = ["same", "round", "empty", "endless", "always new"]
    random.Random(seed).shuffle(keywords)  # noqa: S311 - a plan, not a secret
    search = await site.start(*keywords, target=5000)
    await site.ended()
    reasons = dict(await site.ask("SELECT keyword, end_reason FROM scraping_runs"))
    loop, barren = EndReason.CURSOR_LOOP.value, EndReason.NO_NEW_CREATORS.value
    capped = EndReason.PAGE_CAP.value
    expected = {"same": loop, "round": loop, "empty": barren, "endless": barren, "always new": capped}
    expect(reasons == expected, f"ended for {reasons}")
    expect(calls.pop("always new") == MOST_PAGES, "the limit of pages does not hold")
    expect(max(calls.values()) <= 5, f"calls: {calls}")
    ended = await site.bench.reload(search)
    expect(ended.status.value == "completed", f"ended as {ended.status}")
    expect(worker.runs, "the worker died")
    return Result(acknowledged=ended.stored, seen=f"ended after {sum(calls.values())} calls and {MOST_PAGES}")


@fault("B10", "pages that overlap, come in another order, shrink")
async def overlaps(site: Site, seed: int) -> Result:
    """A creator is stored and charged once, whatever the pages repeat."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret

    def script(asked: Asked) -> Reply:
        at = position(asked)
        numbers = list(range(max(0, at - 17), at + chance.randrange(20, 31)))
        chance.shuffle(numbers)
        numbers += numbers[:5]
        return as_json(body([item(number) for number in numbers], at + 20, more=at < 160))

    site.remote.script = script
    worker = await site.worker()
    search = await site.start("chess", "makeup", target=1000)
    await site.ended()
    ended = await site.bench.reload(search)
    stored = await site.stored()
    expect(len(stored) == ended.stored >= 180, f"{ended.stored} counted, {len(stored)} different")
    charged = await site.one("SELECT usage_creators_current_month FROM user_usage")
    expect(charged == len(stored), f"{charged} charged, {len(stored)} different")
    expect(worker.runs, "the worker died")
    return Result(acknowledged=ended.stored, seen=f"{ended.pages} pages, {len(stored)} different creators")


@fault("B11", "cursors of 13 digits and opaque tokens")
async def cursors(site: Site, seed: int) -> Result:
    """Kept as they came, and asked for so."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    opaque = "".join(chance.choices("ABCDEFGHabcdefgh0123456789-_=", k=588))
    following: dict[str, object] = {
        "": 1_763_936_400_123,
        "1763936400123": opaque,
        opaque: "-9007199254740993",
    }
    asked_for: list[str] = []

    def script(asked: Asked) -> Reply:
        at = asked.params.get("cursor") or ""
        asked_for.append(at)
        number = 100 * len(asked_for)
        return as_json(body([item(number + n) for n in range(30)], following.get(at), more=at in following))

    site.remote.script = script
    worker = await site.worker()
    search = await site.start("chess", target=500)
    await site.ended()
    ended = await site.bench.reload(search)
    expect(asked_for == ["", "1763936400123", opaque, "-9007199254740993"], f"asked for {asked_for}")
    expect((ended.stored, ended.pages) == (120, 4), f"{ended.stored} creators of {ended.pages} pages")
    expect(worker.runs, "the worker died")
    return Result(acknowledged=ended.stored, seen="4 pages, cursors to the letter")


@fault("B12", "the provider returns a creator who was erased")
async def erased(site: Site, seed: int) -> Result:
    """Suppressed while the search runs: neither stored, nor charged, nor in what is kept for others."""
    chance = random.Random(seed)  # noqa: S311 - a plan, not a secret
    by_handle, by_id, in_between = chance.sample(range(PER_PAGE), 3)
    key = ensure_key(Settings(home=site.ground.home))

    async def erase(name: str, *, is_id: bool) -> None:
        async with transaction(site.database, SYSTEM) as tx:
            await suppress(tx, site.user, key, name_creator("tiktok", name, is_id=is_id))

    await erase(f"@Creator{by_handle}", is_id=False)
    await erase(stable_id(by_id), is_id=True)
    site.remote.script = pages(61)
    worker = await site.worker()
    search = await site.start("chess", target=500)
    await site.until("SELECT sum(pages) >= 1 FROM scraping_runs")
    await erase(stable_id(in_between), is_id=True)
    await site.ended()
    again = await site.start("chess", "makeup", target=500)
    await site.ended()
    gone = stable_ids([by_handle, by_id, in_between])
    expect(not gone & await site.stored(), "an erased creator is in a search")
    left = "SELECT count(*) FROM creators WHERE stable_id = ANY(%s)"
    expect(await site.one(left, sorted(gone)) == 0, "an erased creator is in the catalog")
    pages_with = "SELECT count(*) FROM provider_pages p WHERE p::text LIKE ANY(%s)"
    expect(
        await site.one(pages_with, [f"%{one}%" for one in gone]) == 0, "an erased creator is in a kept page"
    )
    kept = [(await site.bench.reload(one)).stored for one in (search, again)]
    expect(kept[1] == 61 - 3, f"{kept[1]} of 58 others kept")
    expect(worker.runs, "the worker died")
    return Result(acknowledged=sum(kept), seen="absent from searches, catalog and kept pages")
