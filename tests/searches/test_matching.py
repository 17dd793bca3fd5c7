import pytest

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, Post
from tastemaker.searches.results.documents import evidence_of


def creator(**fields: str) -> Creator:
    values = {"handle": "ada", "name": "Ada", "bio": "", **fields}
    return Creator(platform=Platform.TIKTOK, stable_id="1", **values)  # type: ignore[arg-type]  # fields come by name


def post(text: str, *hashtags: str, post_id: str = "1") -> Post:
    return Post(
        platform=Platform.TIKTOK, post_id=post_id, creator_id="1", text=text, url=None, hashtags=hashtags
    )


@pytest.mark.parametrize(
    ("keyword", "who", "posts", "expected"),
    [
        ("chess", creator(handle="GothicChess"), [], ["handle"]),
        ("Chess", creator(), [post("a CHESS opening", "chesstok")], ["post", "hashtag"]),
        ("beauté", creator(bio="La beaute du monde"), [], ["bio"]),
        ("#vegan food", creator(), [post("food that is vegan")], ["post"]),
        ("vegan food", creator(), [post("vegan"), post("food")], []),
        ("vegan food", creator(bio="vegan"), [post("food")], []),
        ("美食", creator(name="東京美食家"), [], ["name"]),
        ("чай", creator(bio="Люблю ЧАЙ"), [], ["bio"]),
        ("chess", creator(), [], []),
        ("makeup", creator(bio="Make-Up artist"), [], ["bio"]),
        ("make up", creator(), [post("day 1", "makeuptutorial")], ["hashtag"]),
        ("vegan food", creator(handle="bestveganfood"), [], ["handle"]),
        ("chess", creator(bio="such essential things"), [], []),
    ],
)
def test_the_fields_that_carry_every_word(
    keyword: str, who: Creator, posts: list[Post], expected: list[str]
) -> None:
    assert evidence_of(keyword, who, posts).matched_in == expected


def test_the_post_that_carries_the_keyword_is_shown() -> None:
    posts = [post("about tea", post_id="1"), post("about chess", post_id="2"), post("", "chess", post_id="3")]
    evidence = evidence_of("chess", creator(bio="chess"), posts)
    assert evidence.post is posts[1]
    assert evidence.matched_in == ["post", "bio"]  # not the hashtag, which another post has


def test_a_post_whose_fields_carry_the_words_only_together_is_no_match() -> None:
    posts = [post("vegan", "food", post_id="1"), post("vegan food", post_id="2")]
    assert evidence_of("vegan food", creator(), posts).post is posts[1]


@pytest.mark.parametrize(("bio", "matched"), [("poker every day", ["bio"]), ("", [])])
def test_a_post_without_the_keyword_is_shown_but_never_called_a_match(bio: str, matched: list[str]) -> None:
    posts = [post("about tea", post_id="1"), post("about chess", post_id="2")]
    evidence = evidence_of("poker", creator(bio=bio), posts)
    assert evidence.post is posts[0]
    assert evidence.matched_in == matched


def test_a_creator_without_posts_has_none_to_show() -> None:
    assert evidence_of("chess", creator(handle="GothicChess"), []).post is None
