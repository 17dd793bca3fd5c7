"""The layouts in which tables of creators are published, with made-up creators."""

import pytest

from tastemaker.core.platforms import Platform
from tastemaker.sandbox.tables.layout import Layout, UnknownLayout, recognise

INSTAGRAM, TIKTOK, YOUTUBE = Platform.INSTAGRAM, Platform.TIKTOK, Platform.YOUTUBE


def layout(headings: str, *rows: str, file: str = "table.csv", platform: Platform | None = None) -> Layout:
    return recognise(headings.split("|"), [row.split("|") for row in rows], file, platform)


@pytest.mark.parametrize(
    ("headings", "row", "platform", "expected"),
    [
        (
            "Influencer insta name|instagram name|category_1|category_2|Followers|Followers Numbers |From",
            "ada_l|Ada Lark|Music||48.5M|48500000|Spain",
            INSTAGRAM,
            {"handle": "ada_l", "name": "Ada Lark", "followers": "48.5M", "category": "Music"},
        ),
        (
            "S.no|Instagram name| Name|Subscribers|Subscribers|Authentic engagement\n",
            "1.00|ada_l|Ada Lark|477.9M|477900000.00|5M",
            INSTAGRAM,
            {"handle": "ada_l", "name": "Ada Lark", "followers": "477.9M"},
        ),
        (
            "s.no|Name|Instagram Name|Category-1|Followers|\nCountry|Eng. (Auth.)",
            "1|ada_l|Ada Lark|Music|483.1M|India|4.5M",
            INSTAGRAM,
            {"handle": "ada_l", "name": "Ada Lark", "followers": "483.1M", "country": "India"},
        ),
        (
            "Tiktoker name|Tiktok name|Subscribers count|Subscribers count|Views avg.|Shares avg",
            "ada.721|Ada's|221.7K|221700|26M|116.4K",
            TIKTOK,
            {"handle": "ada.721", "name": "Ada's", "followers": "221.7K"},
        ),
        (
            "row-cell|Tiktoker name|Tiktok name|\nFollowers|Views (Avg.)",
            "1|adal|Ada L|145.6K|26.8M",
            TIKTOK,
            {"handle": "adal", "followers": "145.6K"},
        ),
        (
            "youtuber name|channel name|Category|Subscribers|Subscribers|avg views",
            "adalark|ADA Lark|Music|130.4M|130400000|23.6K",
            YOUTUBE,
            {"handle": "adalark", "name": "ADA Lark", "followers": "130.4M"},
        ),
        (
            "S.no|Name|Youtuber|Country| Subscribers|Category_2",
            "3|Ada Lark|AdaLark6000|United States|111.6M|Animation",
            YOUTUBE,
            {"handle": "AdaLark6000", "name": "Ada Lark", "followers": "111.6M"},
        ),
        (
            "observed_at|channel_id|title|handle|subscribers|subscribers_text|description|keywords",
            "2021-03-04|UCabcdefghijklmnopqrstuv|Ada Lark|/@ada|5|5 subscribers|Hello|a b",
            YOUTUBE,
            {"creator_id": "UCabcdefghijklmnopqrstuv", "name": "Ada Lark", "bio": "Hello", "tags": "a b"},
        ),
        (
            "observed_at|video_id|title|channel_id|channel_title|views|length_text|description|tags",
            "2021-07-30|aaaaaaaaaaa|A title|UCabcdefghijklmnopqrstuv|Ada|24966|10:55|Text|x|y",
            YOUTUBE,
            {
                "post_id": "aaaaaaaaaaa",
                "title": "A title",
                "name": "Ada",
                "views": "24966",
                "duration": "10:55",
            },
        ),
        (
            "date|member_id|member_name|subscriber_count|video_count|total_views",
            "2026-04-15|ada_lark|아다 라크|346000|679|180216008",
            YOUTUBE,
            {
                "creator_id": "ada_lark",
                "name": "아다 라크",
                "followers": "346000",
                "views_total": "180216008",
            },
        ),
        (
            "aweme_id|desc|unique_id|play_count|digg_count|create_time",
            "7334621391758642478|Hi #there|ada|31677|355|1707724682",
            TIKTOK,
            {"post_id": "7334621391758642478", "title": "Hi #there", "views": "31677", "likes": "355"},
        ),
    ],
)
def test_a_layout_is_recognised_by_its_headings_and_cells(
    headings: str, row: str, platform: Platform, expected: dict[str, str]
) -> None:
    found = layout(headings, row)
    cells = row.split("|")
    assert found.platform is platform
    assert {field: cells[found.columns[field][0]] for field in expected} == expected


def test_each_row_can_tell_its_platform() -> None:
    found = layout("platform|handle|followers", "tiktok|ada|12")
    assert found.platform is None
    assert found.columns["platform"] == (0,)


def test_the_platform_can_stand_in_the_file_s_name_or_be_said() -> None:
    assert layout("handle|followers", "ada|12", file="instagram_2022-03.csv").platform is INSTAGRAM
    assert layout("handle|followers", "ada|12", platform=TIKTOK).platform is TIKTOK
    with pytest.raises(UnknownLayout, match="platform cannot be told"):
        layout("handle|followers", "ada|12")


def test_a_table_about_something_else_is_refused() -> None:
    with pytest.raises(UnknownLayout, match="no column for an id"):
        layout("date|member_a|member_b|stream_title", "2026-08-06|ada|eve|Hi")


def test_a_count_column_under_which_texts_stand_is_left_out_with_a_note() -> None:
    rows = [
        f"creator{number}|Ada {number}|{place}|4800" for number, place in enumerate(["Spain", "Iran", "Peru"])
    ]
    found = layout("instagram name|influencer name|followers|subscribers", *rows)
    assert found.columns["followers"] == (3,)
    assert found.notes == ("column 3, 'followers', holds texts, not numbers, and is left out",)


def test_a_date_in_the_file_s_name_is_the_time_of_its_rows() -> None:
    assert layout("handle|followers", "ada|1", file="tiktok_2022-03.csv").observed_at == 1_646_092_800
    assert layout("handle|followers", "ada|1", file="tiktok_2022-03-05.csv").observed_at == 1_646_438_400
    assert layout("handle|followers", "ada|1", file="tiktok_2021_2026.csv").observed_at is None
