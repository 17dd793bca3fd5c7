"""The catalog's search over titles of real tables, against a plain scan."""

import csv
import gzip
import random
from itertools import islice
from pathlib import Path

import pytest

from tastemaker.accounts.current_user import CurrentUser
from tastemaker.catalog.search import search
from tastemaker.core.folding import UNSPACED, fold, is_letter
from tastemaker.db.pool import Database
from tastemaker.db.transaction import transaction
from tests.catalog.made_up import creator, keep
from tests.catalog.test_search import query, scan


@pytest.mark.shared_data
async def test_words_of_real_titles_are_found_as_by_a_plain_scan(
    database: Database, user: CurrentUser, shared_data: Path
) -> None:
    texts: dict[str, str] = {}
    for name in ("kaggle/youtube_trending_2017.csv.gz", "mit/stelive_videos.csv.gz"):
        with gzip.open(shared_data / name, "rt", encoding="utf-8", newline="") as file:
            for row in islice(csv.DictReader(file), 1_500):
                title = str(row.get("title") or row.get("video_title") or "")
                texts.setdefault(title[:500], title[:500])
    people = [
        creator(number, name=None, handle=f"zzz{number}", bio=text) for number, text in enumerate(texts)
    ]
    assert len(people) > 1_000
    async with transaction(database, user.claim) as tx:
        ids = await keep(tx, people)
        people_of = {ids[each.stable_id]: each.bio for each in people}
        rng = random.Random(7)  # noqa: S311 - the same words in each run
        for one in rng.sample(people, 120):
            spaced = "".join(each if is_letter(each) else " " for each in fold(one.bio or "")).split()
            runs = UNSPACED.sub(lambda match: f" {match[0]} ", rng.choice(spaced or ["none"])).split()
            word = rng.choice(runs)
            word = word[: rng.randint(1, 4)] if UNSPACED.fullmatch(word) else word
            found = await search(tx, query(user, f'"{word}"', limit=200))
            expected = {ids[each.stable_id] for each in people if scan(word, each.bio or "")}
            missing = [people_of[one] for one in {*expected} ^ {*found.ids}][:3]
            assert found.total == len(expected), (word, missing)
            assert set(found.ids) <= expected, word
