import pytest

from tastemaker.core.platforms import Platform
from tastemaker.providers.base import Creator, Post
from tastemaker.searches.results.documents import best_post, matched_fields


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
    assert matched_fields(keyword, who, posts) == expected


def test_the_post_that_carries_the_keyword_is_shown() -> None:
    posts = [post("about tea", post_id="1"), post("about chess", post_id="2")]
    best = best_post("chess", posts)
    assert best is not None
    assert best.post_id == "2"
    assert best_post("poker", posts) is posts[0]
    assert best_post("chess", []) is None
