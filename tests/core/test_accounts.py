import pytest

from tastemaker.core.accounts import AccountName, read_account, read_stable_id
from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform

INSTAGRAM, TIKTOK, YOUTUBE = Platform.INSTAGRAM, Platform.TIKTOK, Platform.YOUTUBE
CHANNEL = "UC" + "d" * 22


@pytest.mark.parametrize(
    ("text", "platform", "account"),
    [
        ("https://www.youtube.com/@dora.sews/shorts", YOUTUBE, AccountName(YOUTUBE, handle="dora.sews")),
        ("https://m.youtube.com/%40dora?si=abc", None, AccountName(YOUTUBE, handle="dora")),
        (f"youtube.com/channel/{CHANNEL}/videos", None, AccountName(YOUTUBE, stable_id=CHANNEL)),
        (CHANNEL, YOUTUBE, AccountName(YOUTUBE, stable_id=CHANNEL)),
        ("https://youtube.com/c/Dora", None, AccountName(YOUTUBE, handle="Dora", is_old_name=True)),
        (
            "https://www.instagram.com/eli.runs/tagged/?hl=de",
            INSTAGRAM,
            AccountName(INSTAGRAM, handle="eli.runs"),
        ),
        ("https://www.instagram.com/eli/p/Cabc/", None, AccountName(INSTAGRAM, handle="eli")),
        ("https://www.tiktok.com/@fay/video/7100000000000000000", None, AccountName(TIKTOK, handle="fay")),
        (" @fay\u200b ", TIKTOK, AccountName(TIKTOK, handle="fay")),
        ("\uff20FAY", TIKTOK, AccountName(TIKTOK, handle="FAY")),
        ("6812351234567890123", TIKTOK, AccountName(TIKTOK, stable_id="6812351234567890123")),
    ],
)
def test_an_account_is_understood(text: str, platform: Platform | None, account: AccountName) -> None:
    assert read_account(text, platform) == account


@pytest.mark.parametrize(
    ("text", "platform", "sentence"),
    [
        ("https://youtu.be/abc", YOUTUBE, "short link"),
        ("https://vm.tiktok.com/ZM1/", TIKTOK, "short link"),
        ("https://www.youtube.com/watch?v=abc", YOUTUBE, "does not name the account"),
        ("https://www.instagram.com/reel/Cabc/", INSTAGRAM, "does not name the account"),
        ("https://www.tiktok.com/@fay", INSTAGRAM, "not of Instagram"),
        ("https://example.com/fay", None, "no address of YouTube"),
        ("https://www.tiktok.com/", None, "names no account"),
        ("6.8E+18", TIKTOK, "cut off"),
        ("6812350000000000000", TIKTOK, "cut off"),
        ("fay fox", TIKTOK, "no handle"),
        ("@fay@example.org", INSTAGRAM, "no handle"),
        ("fay", None, "any platform"),
        (" ", TIKTOK, "missing"),
    ],
)
def test_what_names_no_account_is_refused_with_a_sentence(
    text: str, platform: Platform | None, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        read_account(text, platform)


def test_ids_of_spreadsheets_are_mended_or_refused() -> None:
    assert read_stable_id("7770001.0", INSTAGRAM).stable_id == "7770001"
    assert read_stable_id("'7770002", INSTAGRAM).stable_id == "7770002"
    with pytest.raises(InvalidInput, match="cut off"):
        read_stable_id("7.1E+18", TIKTOK)
