import json

import pytest

from tastemaker.core.errors import InvalidInput
from tastemaker.core.platforms import Platform
from tastemaker.searches.queries import search_params
from tastemaker.searches.types import MAX_KEYWORDS, MAX_TARGET, make_request


def request_of(*keywords: str, target: int = 10, region: str | None = None) -> tuple[str, ...]:
    return make_request(platform=Platform.YOUTUBE, keywords=keywords, target=target, region=region).keywords


def test_keywords_are_trimmed_and_said_once_whatever_their_case_or_width() -> None:
    assert request_of("  chess  ", "CHESS", "\uff43hess", "go  game") == ("chess", "go game")


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ((), "1 to 50 keywords"),
        (("",), "empty"),
        (("  \t ",), "empty"),
        (("\x00\u202e",), "empty"),
        (("x" * 3000,), "3,000 characters"),
        (tuple(f"word {n}" for n in range(51)), "51 were given"),
    ],
)
def test_what_is_no_keyword_is_refused_with_what_would_be_one(
    keywords: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        request_of(*keywords)


@pytest.mark.parametrize("target", [0, -1, MAX_TARGET + 1, 1_000_000])
def test_a_target_has_bounds(target: int) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 50,000"):
        request_of("chess", target=target)


@pytest.mark.parametrize("region", ["", "usa", "U1", "ÄÖ"])
def test_a_region_is_a_country_code(region: str) -> None:
    with pytest.raises(InvalidInput, match="two-letter"):
        request_of("chess", region=region)


def test_a_platform_is_understood_in_any_case_and_named_in_one() -> None:
    assert [Platform.parse(text) for text in ("Tiktok", " youtube ", "INSTAGRAM")] == [
        Platform.TIKTOK,
        Platform.YOUTUBE,
        Platform.INSTAGRAM,
    ]
    with pytest.raises(InvalidInput, match="tiktok, instagram, youtube, all"):
        Platform.parse("myspace")


def test_the_largest_search_fits_its_row() -> None:
    """A trigger refuses more than 64 kB, as PostgreSQL writes it, without a sentence."""
    for letter in ("🍵", '"', "\\"):
        longest = [f"{number:02}" + letter * 198 for number in range(MAX_KEYWORDS)]
        request = make_request(platform=Platform.YOUTUBE, keywords=longest, target=10)
        stored = json.dumps(json.loads(search_params(request, "youtube_data_api")), ensure_ascii=False)
        assert len(stored.encode()) < 64 * 1024
