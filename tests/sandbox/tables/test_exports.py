"""Exports of ours and of other tools, in several languages."""

import pytest

from tests.sandbox.tables.conftest import Tables


def test_our_own_exports_come_back_with_the_same_meaning(tables: Tables) -> None:
    campaign = (
        "campaign.csv",
        (
            "Platform,Creator/Channel Name,Followers,Video/Content URL,Title/Description,Views,Keywords\n"
            "TikTok,Ada Lark,500,https://www.tiktok.com/@ada.lark/video/7200000000000000300,tea,7,secret\n"
        ),
    )
    channels = (
        "channels.csv",
        (
            "Channel Name,Subscribers,Bio,Social Links,Video Title,Video URL,Views,Duration (seconds)\n"
            "Eve,900,about tea,https://example.com/eve; https://example.org/eve,Green tea,"
            "https://www.youtube.com/watch?v=abcdefghijk,11,65\n"
        ),
    )
    report = tables.load(campaign, channels)
    assert (report.accepted, report.rejected, report.dropped) == (2, 0, {})
    assert tables.rows("creators", "handle, name, followers, bio, links, views_total, tags") == [
        ("ada.lark", "Ada Lark", 500, None, None, None, None),
        (None, "Eve", 900, "about tea", '["https://example.com/eve","https://example.org/eve"]', None, None),
    ]
    assert tables.rows("posts", "post_id, title, views, duration, tags") == [
        ("7200000000000000300", "tea", 7, None, None),
        ("abcdefghijk", "Green tea", 11, 65, None),
    ]


@pytest.mark.parametrize(
    ("headings", "row"),
    [
        ("Plattform;Benutzername;Abonnenten;Land;Beschreibung", "tiktok;ada;1.234;Österreich;Tee"),
        ("Plateforme;Nom d'utilisateur;Abonnés;Pays;Biographie", "tiktok;ada;1 234;Autriche;Tee"),
        ("Plataforma;Nombre de usuario;Seguidores;País;Descripción", "tiktok;ada;1.234;Austria;Tee"),
        ("Plataforma;Nome de usuário;Seguidores;País;Descrição", "tiktok;ada;1.234;Áustria;Tee"),
        ("platform;userName;followersCount;country_code;biography", "tiktok;ada;1234;AT;Tee"),
    ],
)
def test_headings_in_several_languages(tables: Tables, headings: str, row: str) -> None:
    assert tables.load(("table.csv", f"{headings}\n{row}\n")).ignored_columns == ()
    assert tables.rows("creators", "handle, followers, country, bio") == [("ada", 1_234, "AT", "Tee")]


def test_what_is_left_out_is_said_and_counted(tables: Tables) -> None:
    report = tables.load(
        (
            "t.csv",
            'platform,handle,followers,country,engagement\ntiktok,ada,"4,321K",Nowhere,5\ntiktok,eve,7,AT,6\n',
        )
    )
    assert report.ignored_columns == ("t.csv: engagement",)
    assert sum(report.dropped.values()) == 2
    assert [one.line for one in report.dropped_values] == [2, 2]
