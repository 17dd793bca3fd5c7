import gzip
import json
from pathlib import Path

import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.corpus import CorpusNotWritten, generate, info
from tastemaker.sandbox.library import Library
from tastemaker.sandbox.tables.importing import REMEMBERED, import_tables
from tastemaker.sandbox.tables.rows import Reason
from tests.sandbox.tables.conftest import Tables

VIDEO_COLUMNS = (
    "observed_at,video_id,title,channel_id,channel_title,handle,views,likes,length_text,tags,description"
)
CHANNEL_COLUMNS = "observed_at,channel_id,title,handle,subscribers,description"
ADA, EVE = "UCadaadaadaadaadaadaadaa", "UCeveeveeveeveeveeveevee"


def test_creators_without_posts_go_in_alone(tables: Tables) -> None:
    report = tables.load(
        (
            "tiktok_2022-03.csv",
            (
                "Tiktoker name,Tiktok name,Subscribers count,Subscribers count,Views avg.\n"
                "ada.lark,Ada,221.7K,221700,26M\n"
                "eve,Eve ✨,1.2M,1200000,3M\n"
            ),
        )
    )
    assert (report.rows, report.accepted, report.creators, report.posts, report.rejected) == (2, 2, 2, 0, 0)
    assert tables.rows("creators", "platform, handle, name, followers, made_id, observed_at") == [
        ("TikTok", "ada.lark", "Ada", 221_700, 1, 1_646_092_800),
        ("TikTok", "eve", "Eve ✨", 1_200_000, 1, 1_646_092_800),
    ]
    ids = [stable_id for (stable_id,) in tables.rows("creators", "stable_id")]
    assert all(stable_id.isdigit() and len(stable_id) == 19 for stable_id in ids)


def test_the_latest_observation_wins_and_earlier_ones_fill_gaps(tables: Tables) -> None:
    report = tables.load(
        (
            "videos.csv",
            (
                f"{VIDEO_COLUMNS}\n"
                f"2023-01-01,video000001,Old title,{ADA},Ada,/@ada,100,7,,a|b,The whole description of it\n"
                f"2025-01-01,video000001,New title,{ADA},Ada,/@ada,300,,,,The whole desc...\n"
                f"2024-01-01,video000001,Middle title,{ADA},Ada,/@ada,200,,11:26,,\n"
            ),
        )
    )
    assert (report.accepted, report.creators, report.posts, report.merged) == (3, 1, 1, 2)
    assert tables.rows("posts", "title, views, likes, duration, tags, description") == [
        ("New title", 300, 7, 686, '["a","b"]', "The whole description of it")
    ]


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    videos = ("videos.csv", f"{VIDEO_COLUMNS}\n2024-05-05,video000001,T,{ADA},Ada Lark,,5,,,,\n")
    names = ("youtube_2022-03.csv", "youtuber name,channel name,Subscribers\nada6000,Ada Lark,1.5M\n")
    channels = ("channels.csv", f"{CHANNEL_COLUMNS}\n2021-01-01,{ADA},Ada Lark,/user/ada6000,1000000,Hi\n")
    results = []
    for number, order in enumerate(
        [(videos, names, channels), (channels, names, videos), (names, channels, videos)]
    ):
        (tmp_path / str(number)).mkdir()
        tables = Tables(tmp_path / str(number))
        tables.load(*order)
        results.append(tables.rows("creators", "stable_id, handle, name, followers, bio, made_id"))
    assert results == [[(ADA, "ada6000", "Ada Lark", 1_500_000, "Hi", 0)]] * 3


def test_imports_one_after_the_other_add_up(tables: Tables) -> None:
    tables.load(("youtube_2022-03.csv", "youtuber name,channel name,Subscribers\nada6000,Ada Lark,1.5M\n"))
    report = tables.load(
        ("videos.csv", f"{VIDEO_COLUMNS}\n2024-05-05,video000001,T,{ADA},Ada Lark,/@ada,5,,,,\n")
    )
    assert (report.creators, report.posts, report.merged) == (0, 1, 0)
    assert tables.rows("creators", "stable_id, handle, followers, made_id") == [(ADA, "ada", 1_500_000, 0)]
    assert info(tables.path).origin == "imported"


def test_a_name_that_two_channels_bear_is_nobody_s(tables: Tables) -> None:
    tables.load(
        ("channels.csv", f"{CHANNEL_COLUMNS}\n2021-01-01,{ADA},Music,,10,\n2021-01-01,{EVE},Music,,20,\n"),
        ("youtube_2022-03.csv", "youtuber name,channel name,Subscribers\nMusic,Music,30\n"),
    )
    assert tables.rows("creators", "stable_id, followers, made_id")[:2] == [(ADA, 10, 0), (EVE, 20, 0)]
    ((_, followers, made),) = tables.rows("creators", "stable_id, followers, made_id")[2:]
    assert (followers, made) == (30, 1)


def test_names_do_not_identify_where_handles_do(tables: Tables) -> None:
    report = tables.load(
        ("instagram.csv", "handle,name,followers\nanna.a,Anna,1\nanna.b,Anna,2\nANNA.A,Anna,3\n")
    )
    assert (report.creators, report.merged) == (2, 1)


def test_channel_ids_differ_by_case(tables: Tables) -> None:
    ids = ["UCO6AkAAAAAAAAAAAAAAAAAA", "UCO6aKAAAAAAAAAAAAAAAAAA", "UCo6akAAAAAAAAAAAAAAAAAA"]
    lines = "".join(f"2021-01-01,{one},Name {number},,{number},\n" for number, one in enumerate(ids))
    tables.load(("channels.csv", f"{CHANNEL_COLUMNS}\n{lines}"))
    assert [one for (one,) in tables.rows("creators", "stable_id")] == ids


def test_every_rejected_row_is_named_with_line_and_reason_and_the_rest_goes_in(tables: Tables) -> None:
    report_file = tables.folder / "rejected.jsonl"
    report = tables.load(
        (
            "videos.csv",
            (
                f"{VIDEO_COLUMNS}\n"
                f'2023-01-01,video000001,"Title\nin two lines",{ADA},Ada,,100,,,,\n'
                f"2023-01-01,#NAME?,Destroyed,{ADA},Ada,,100,,,,\n"
                ",,,,,,,,,,\n"
                f"2023-01-01,video000002,Shifted,{ADA},Ada,,100,,,,,more\n"
                f"2023-01-01,video000003,Short,{ADA}\n"
                f"2023-01-01,video000004,Number,{ADA},Ada,,#VALOR!,,,,\n"
                f"2023-01-01,video000005,Number,{ADA},Ada,,Spain,,,,\n"
                f"someday,video000006,Date,{ADA},Ada,,1,,,,\n"
                "2023-01-01,video000007,Nobody,,,,1,,,,\n"
                f"2023-01-01,video000008,Good,{ADA},Ada,,1,N/A,,,\n"
            ),
        ),
        (
            "creators.csv",
            "platform,handle,followers\nmyspace,ada,1\ntiktok,with space,1\ntiktok,,1\ntiktok,eve,1\n",
        ),
        report_file=report_file,
    )
    assert [(each.file, each.line, each.reason) for each in report.rejections] == [
        ("videos.csv", 4, Reason.POST_ID),
        ("videos.csv", 6, Reason.SHIFTED),
        ("videos.csv", 7, Reason.SHIFTED),
        ("videos.csv", 8, Reason.NUMBER),
        ("videos.csv", 9, Reason.NUMBER),
        ("videos.csv", 10, Reason.TIME),
        ("creators.csv", 2, Reason.PLATFORM),
        ("creators.csv", 3, Reason.HANDLE),
        ("creators.csv", 4, Reason.NO_CREATOR),
        ("videos.csv", 11, Reason.ORPHAN),
    ]
    details = {each.line: each.detail for each in report.rejections if each.file == "videos.csv"}
    assert "'#NAME?'" in details[4]
    assert "views: 'Spain'" in details[9]
    assert "shifted" in details[9]
    assert (report.rows, report.accepted, report.rejected) == (13, 3, 10)
    assert sum(report.reasons.values()) == 10
    assert [title for (title,) in tables.rows("posts", "title")] == ["Title\nin two lines", "Good"]
    written = [json.loads(line) for line in report_file.read_text().splitlines()]
    assert [(each["file"], each["line"], each["reason"]) for each in written] == [
        (each.file, each.line, each.reason) for each in report.rejections
    ]


def test_a_second_column_saves_what_the_first_one_destroyed(tables: Tables) -> None:
    report = tables.load(
        (
            "youtube.csv",
            (
                "youtuber name,channel name,Subscribers,Subscribers\n"
                "ada,Ada,16.7M,#VALOR!\n"
                "eve,Eve,#VALOR!,16700000\n"
                "ida,Ida,N/A',#VALOR!\n"
                "una,Una,#VALOR!,#VALOR!\n"
            ),
        )
    )
    assert tables.rows("creators", "handle, followers") == [
        ("ada", 16_700_000),
        ("eve", 16_700_000),
        ("ida", None),
    ]
    assert report.reasons == {Reason.NUMBER: 1}


def test_posts_learn_their_creator_from_another_row(tables: Tables) -> None:
    report = tables.load(
        (
            "videos.csv",
            f"{VIDEO_COLUMNS}\n2025-01-01,video000001,New,,,,9,,,,\n2024-01-01,video000001,Old,{ADA},Ada,,5,,,,\n",
        )
    )
    assert report.rejected == 0
    assert tables.rows("posts", "title, views") == [("New", 9)]


def test_quirks_of_files(tables: Tables) -> None:
    content = "\ufeff\n\nplatform;handle;name;followers\r\n;;;\r\nTikTok;ada;Ada\x00 Lark;1.234.567\r\n"
    report = tables.load(("dirty.csv.gz", content))
    assert report.rejected == 0
    assert tables.rows("creators", "handle, name, followers") == [("ada", "Ada Lark", 1_234_567)]


def test_json_lines_and_json_lists(tables: Tables) -> None:
    report = tables.load(
        (
            "posts.jsonl",
            (
                '{"platform": "tiktok", "video_id": "7334621391758642478", "desc": "Hi", "unique_id": "ada",'
                ' "views": 31677, "hashtags": ["one", "two"]}\n'
                "{broken\n"
                "\n"
                '["no object"]\n'
            ),
        ),
        ("creators.json", '[{"platform": "instagram", "username": "eve", "followers": 12}, 7]'),
    )
    assert [(each.file, each.line, each.reason) for each in report.rejections] == [
        ("posts.jsonl", 2, Reason.NO_ROW),
        ("posts.jsonl", 4, Reason.NO_ROW),
        ("creators.json", 2, Reason.NO_ROW),
    ]
    assert tables.rows("posts", "platform, post_id, views, tags") == [
        ("TikTok", "7334621391758642478", 31_677, '["one","two"]')
    ]
    assert tables.rows("creators", "platform, handle, followers") == [
        ("TikTok", "ada", None),
        ("Instagram", "eve", 12),
    ]


def test_a_json_file_with_an_object_per_line_is_understood(tables: Tables) -> None:
    report = tables.load(("tiktok.json", '{"username": "ada"}\n\n{"username": "eve"}\n{broken\n'))
    assert (report.accepted, report.rejected) == (2, 1)
    unusable = tables.load(("one.json", '{"username": "ada"}')).unusable
    assert [each.detail for each in unusable] == ["it holds no list of objects"]


def test_utf16_as_spreadsheets_save_it(tables: Tables) -> None:
    file = tables.folder / "tiktok.tsv"
    file.write_bytes("handle\tname\tfollowers\nada\tAdä 아다\t12万\n".encode("utf-16"))
    import_tables(tables.path, [file])
    assert tables.rows("creators", "handle, name, followers") == [("ada", "Adä 아다", 120_000)]


def test_rows_that_are_no_utf8_are_refused_alone(tables: Tables) -> None:
    file = tables.folder / "tiktok.csv"
    file.write_bytes(b"handle,name,followers\nada,Ada,1\neve,Ev\xe9,2\nida,Id\xc3\xa1,3\n")
    report = import_tables(tables.path, [file])
    assert [(each.line, each.reason) for each in report.rejections] == [(3, Reason.NOT_UTF8)]
    assert tables.rows("creators", "name") == [("Ada",), ("Idá",)]


def test_files_that_are_no_use_are_named_and_the_others_go_in(tables: Tables) -> None:
    broken = tables.folder / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"platform,handle\n" + b"tiktok,ada\n" * 5_000)[:-40])
    report = import_tables(
        tables.path,
        [
            broken,
            tables.write("collabs.csv", "date,member_a,member_b\n2026-01-01,ada,eve\n"),
            tables.write("unclear.csv", "handle,followers\nada,1\n"),
            tables.write("empty.csv", ""),
            tables.write("good.csv", "platform,handle\ntiktok,good\n"),
        ],
    )
    assert [each.file for each in report.unusable] == [
        "broken.csv.gz",
        "collabs.csv",
        "unclear.csv",
        "empty.csv",
    ]
    assert ("good",) in tables.rows("creators", "handle")


def test_the_user_can_say_the_platform(tables: Tables) -> None:
    report = tables.load(("unclear.csv", "handle,followers\nada,1\n"), platform=Platform.INSTAGRAM)
    assert report.unusable == ()
    assert tables.rows("creators", "platform, handle") == [("Instagram", "ada")]


def test_the_report_stays_small(tables: Tables) -> None:
    lines = "".join(f"creator{number},#REF!\n" for number in range(REMEMBERED + 50))
    report = tables.load(("tiktok.csv", f"handle,followers\nfirst,1\n{lines}"))
    assert len(report.rejections) == REMEMBERED
    assert report.rejected == REMEMBERED + 50


def test_imported_creators_are_found(tables: Tables) -> None:
    tables.load(
        ("youtube_2022-03.csv", "youtuber name,channel name,Category,Subscribers\nada,AdaChess,Games,5\n"),
        ("videos.csv", f"{VIDEO_COLUMNS}\n2024-05-05,video000001,Endgame,{EVE},Eve,,5,,,chess|king,\n"),
    )
    library = Library(tables.path)
    found = library.creators(library.creators_for(Platform.YOUTUBE, "chess"))
    assert {creator.name for creator in found} == {"AdaChess", "Eve"}
    assert len(library.creators_for(Platform.YOUTUBE, "games")) == 1


def test_tables_can_be_added_to_a_made_up_corpus(tables: Tables) -> None:
    generate(tables.path, creators=20, posts_per_creator=2, seed=1)
    tables.load(("tiktok.csv", "handle,name,followers\nzebrafinch,Zebrafinch,1\n"))
    described = info(tables.path)
    assert described.origin == "mixed"
    assert sum(described.creators.values()) == 21
    assert len(Library(tables.path).creators_for(Platform.TIKTOK, "zebrafinch")) == 1


def test_a_directory_stands_for_the_tables_in_it(tables: Tables) -> None:
    (tables.folder / "in" / "deep").mkdir(parents=True)
    tables.write("in/tiktok.csv", "handle,followers\nada,1\n")
    tables.write("in/deep/tiktok.csv.gz", "handle,followers\neve,1\n")
    tables.write("in/README.md", "# not a table")
    seen: list[tuple[int, int]] = []
    report = import_tables(tables.path, [tables.folder / "in"], progress=lambda *at: seen.append(at))
    assert (report.files, report.creators) == (2, 2)
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize("name", ["missing.csv", "notes.txt", "nothing"])
def test_what_is_no_table_is_refused_before_anything_is_written(tables: Tables, name: str) -> None:
    tables.write("notes.txt", "hello")
    (tables.folder / "nothing").mkdir()
    with pytest.raises(InvalidInput):
        import_tables(tables.path, [tables.folder / name])
    assert not tables.path.exists()


def test_where_nothing_can_be_taken_nothing_is_changed(tables: Tables) -> None:
    useless = ("tiktok.csv", "handle,followers\nwith space,1\n")
    assert tables.load(useless).reasons == {Reason.HANDLE: 1}
    assert not tables.path.exists()
    tables.load(("tiktok.csv", "handle,followers\nada,1\n"))
    before = tables.path.read_bytes()
    assert tables.load(useless).accepted == 0
    assert tables.path.read_bytes() == before


def test_a_failed_import_leaves_the_corpus_as_it_was(tables: Tables) -> None:
    tables.load(("tiktok.csv", "handle,followers\nada,1\n"))
    before = tables.path.read_bytes()

    def fail(_done: int, _total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(CorpusNotWritten, match="No space left"):
        tables.load(("tiktok.csv", "handle,followers\neve,1\n"), progress=fail)
    assert tables.path.read_bytes() == before
    assert {path.name for path in tables.folder.iterdir()} == {"corpus.sqlite3", "lock", "tiktok.csv"}


@pytest.mark.slow
def test_a_thousand_broken_rows_among_a_hundred_thousand_are_each_named(tables: Tables) -> None:
    rows, every = 100_000, 100
    broken = ("not a handle", "https://youtu.be/abc", "6.8E+18", "")
    lines = [
        f"{broken[number // every % len(broken)]},{number}"
        if number % every == 0
        else f"name{number},{number}"
        for number in range(rows)
    ]
    where = tables.folder / "rejected.jsonl"
    report = tables.load(
        ("tiktok.csv", "\n".join(["handle,followers", *lines]) + "\n"),
        platform=Platform.TIKTOK,
        report_file=where,
    )
    assert (report.rows, report.accepted, report.creators, report.rejected) == (rows, 99_000, 99_000, 1_000)
    expected = [number + 2 for number in range(0, rows, every)]
    assert [one.line for one in report.rejections] == expected
    named = [json.loads(line) for line in where.read_text(encoding="utf-8").splitlines()]
    assert [one["line"] for one in named] == expected
    assert all(one["reason"] for one in named)
    assert tables.rows("creators", "handle, followers")[-1] == (f"name{rows - 1}", rows - 1)
