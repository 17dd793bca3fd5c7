"""Which column is what, by the headings and, where they do not tell, by what stands below them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tastemaker.core.folding import fold
from tastemaker.core.platforms import Platform
from tastemaker.sandbox.tables.cells import is_plain_text, read_time

Cells = Sequence[str]

EITHER = {
    "platform": "platform, network, social network, channel type, plattform, plateforme, netzwerk, reseau,"
    " reseau social, plataforma, red social, rede social, rede",
    "observed_at": "observed at, snapshot, trend date, trending date, scraped at, crawled at, collected at",
    "creator_id": "channel id, creator id, user id, author id, owner id, author meta id, uid, pk, member id,"
    " stable id",
    "handle": "handle, username, user name, unique id, screen name, channel handle, custom url, profile url,"
    " owner username, author meta name, author username, channel username, uploader id, account,"
    " account name,"
    " benutzername, nutzername, nom d utilisateur, pseudo, pseudonyme, usuario, nombre de usuario,"
    " nome de usuario, profile link, profile, author meta profile url, channel url, uploader url,"
    " account url",
    "name": "channel title, nickname, full name, display name, member name, owner full name,"
    " author meta nick name,"
    " channel name, creator channel name, creator, author, uploader, channel, anzeigename, nom complet,"
    " nombre completo, nome completo",
    "verified": "verified, is verified, author meta verified, is channel verified, channel is verified,"
    " verifiziert,"
    " verifie, verificado",
    "followers": "followers, follower count, followers count, followers numbers, followers text, subscribers,"
    " subscriber count, subscribers count, subscribers text, fans, author meta fans, number of subscribers,"
    " channel follower count, follower, number of followers, total followers, followers total, abonnenten,"
    " anzahl follower, abonnes, nombre d abonnes, seguidores, suscriptores, numero de seguidores, inscritos,"
    " edge followed by count",
    "email": "email, emails, e mail, business email, contact, contact email, public email, email address,"
    " mail,"
    " courriel,"
    " adresse e mail, correo, correo electronico, endereco de e mail",
    "language": "language, lang, text language, sprache, langue, idioma, lingua",
    "bio": "bio, biography, biografie, biographie, biografia, signature, author meta signature,"
    " channel description",
    "links": "external url, bio link, bio links, social links, bio link url, author meta bio link",
}
"""Headings by field: those that mean the same in a table of creators and in a table of posts."""

OF_CREATORS = {
    "observed_at": "date",
    "creator_id": "id, account id, profile id",
    "handle": "url, user, input url, nickname handle",
    "name": "title",
    "following": "following, following count, follows, follows count, following total, edge follow count,"
    " abonniert",
    "posts_count": "video count, videos count, post count, posts count, media count, posts, videos, uploads,"
    " channel total videos, number of posts, beitrage, publications, publicaciones, publicacoes",
    "views_total": "view count, views, total views, views total, video views, channel total views,"
    " aufrufe, vues,"
    " vistas, visualizaciones, visualizacoes",
    "likes_total": "likes, total likes, heart count, hearts, heart, author meta heart",
    "bio": "description, about, beschreibung, descripcion, descricao",
    "tags": "keywords, tags, channel keywords",
    "category": "category, category 1, category 2, category 3, niche, topic, industry,"
    " business category name,"
    " kategorie, categorie, categoria",
    "country": "country, channel country, country code, channel location, from, land, pays, pais, region",
    "links": "links, link, website, webseite, site web, sitio web, site",
    "joined_at": "joined at, created at, creation date, channel created, channel joined date",
}

OF_POSTS = {
    "post_id": "video id, post id, aweme id, media id, reel id, video url, post url, video content url,"
    " webpage url, web video url, permalink, reel url, short code",
    "title": "title, caption, desc, text, video title, title description, titel, titre, titulo",
    "description": "description, video description, beschreibung, descripcion, descricao",
    "post_tags": "tags, hashtags, keywords",
    "published_at": "published, published at, publish time, publish date, create time, taken at, upload date,"
    " create time iso, created date, timestamp, date, datum, fecha, data",
    "duration": "length s, duration, duration s, length, length text, video duration, duration seconds,"
    " video meta duration, duration string",
    "duration_minutes": "duration min, duration minutes",
    "views": "views, view count, play count, plays, video play count, video view count, aufrufe, vues,"
    " vistas,"
    " visualizaciones, visualizacoes",
    "likes": "likes, like count, likes count, digg count, gefallt mir, j aime, me gusta, curtidas",
    "comments": "comments, comment count, comment total, comments count, kommentare, commentaires,"
    " comentarios",
    "shares": "shares, share count",
    "saves": "saves, collect count, saved",
    "sponsored": "sponsored, is paid partnership, is ad, paid, is sponsored",
    "post_category": "category id, category, categories",
}
"""What makes a table one of posts is a column for `post_id`."""

EXPORTED = {"video url", "video content url"}
KEYWORD_OF_SEARCH = "keywords"
"""In our own exports this column holds what was searched for, which is no tag of the creator or the post."""

_SCALED = re.compile(
    r"\((?:in )?(?:k|m|thousands?|millions?|tausend|mio\.?)\)|\bin (?:thousands|millions)\b", re.IGNORECASE
)
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

COUNTS = {
    "followers", "following", "posts_count", "views_total", "likes_total",
    "views", "likes", "comments", "shares", "saves",
}  # fmt: skip

_LABEL = re.compile(
    r"\b(name|nom|nombre|nome|youtuber|tiktoker|influencer|youtube channel|channel|creator)\b"
)
"""Headings that may stand over a handle or over a name: which one it is, only the cells tell."""

_PLATFORM_WORDS = (
    (Platform.INSTAGRAM, ("instagram", "insta")),
    (Platform.TIKTOK, ("tiktok", "tiktoker", "aweme")),
    (Platform.YOUTUBE, ("youtube", "youtuber")),
)
_HANDLE = re.compile(r"@?[\w.·-]{1,30}")
_VIDEO_ID = re.compile(r"[\w-]{11}")
_CHANNEL_ID = re.compile(r"UC[\w-]{22}")
_LONG_NUMBER = re.compile(r"\d{18,20}")
_DATE = re.compile(r"(?<!\d)20\d\d-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?(?!\d)")
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns` are the places of each field's cells, the best first. `platform` None: each row tells it."""

    columns: dict[str, tuple[int, ...]]
    width: int
    platform: Platform | None
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    """Headings of the columns that are not understood."""

    observed_at: int | None = None
    """For rows that have no time of their own: the date in the file's name."""

    @property
    def has_posts(self) -> bool:
        return "post_id" in self.columns


class UnknownLayout(ValueError):
    """`str()` of it says what is missing."""


def recognise(headings: Cells, sample: Sequence[Cells], file_name: str, platform: Platform | None) -> Layout:
    """`sample` are the first rows, `platform` what the user said about the table. Raises UnknownLayout."""
    words = [_words(heading) for heading in headings]
    columns = _by_heading(words)
    columns |= _labels(words, columns, sample)
    if not columns.keys() & {"creator_id", "handle", "name", "post_id"}:
        raise UnknownLayout("no column for an id, a handle or a name of creators")
    columns, notes = _without_misplaced(columns, headings, sample)
    ignored = _ignored(headings, columns)
    if "platform" not in columns and platform is None:
        platform = _platform(words, columns, sample, file_name)
        if platform is None:
            raise UnknownLayout("the platform cannot be told; say it, or add a column `platform`")
    told = None if "platform" in columns else platform
    return Layout(columns, len(headings), told, notes, ignored, _date_in(file_name))


def known_headings(cells: Cells) -> int:
    """How many of the cells are headings with a known meaning."""
    known = _all_synonyms()
    return sum(_words(cell) in known for cell in cells)


def _words(heading: str) -> str:
    """In lower case, without accents; camelCase, snake_case and dots become words; brackets are left out.

    A heading that scales its numbers, such as "Followers (in thousands)", is not understood.
    """
    if _SCALED.search(heading):
        return ""
    plain = _ASIDE.sub(" ", heading)
    spaced = fold(_HUMP.sub(" ", plain if plain.strip() else heading))
    return re.sub(r"[^a-z0-9]+", " ", spaced).strip()


@cache
def _all_synonyms() -> frozenset[str]:
    kinds = (EITHER, OF_CREATORS, OF_POSTS)
    return frozenset(word for kind in kinds for meant in kind.values() for word in meant.split(", "))


def _by_heading(words: Sequence[str]) -> dict[str, tuple[int, ...]]:
    has_posts = bool(_places(words, OF_POSTS["post_id"])) or _has_posts_by_shape(words)
    kind = OF_POSTS if has_posts else OF_CREATORS
    columns = {}
    for field in dict.fromkeys((*EITHER, *kind)):
        meant = ", ".join(filter(None, (EITHER.get(field), kind.get(field))))
        places = _places(words, meant)
        if places:
            columns[field] = places
    if has_posts and "post_id" not in columns:
        columns["post_id"] = _places(words, "id, url")
    if has_posts and "title" not in columns and "description" in columns:
        columns["title"] = columns.pop("description")
    if has_posts and set(words) & EXPORTED and "post_tags" in columns:
        columns["post_tags"] = tuple(at for at in columns["post_tags"] if words[at] != KEYWORD_OF_SEARCH)
    return {field: places for field, places in columns.items() if places}


def _has_posts_by_shape(words: Sequence[str]) -> bool:
    """A scraper's table whose `id` or `url` is the post's: it names the owner and the post's counts."""
    said = set(words)
    owners = {"author meta name", "owner username", "channel url", "uploader id", "channel id", "uploader"}
    counts = {"digg count", "play count", "likes count", "view count", "video view count", "comments count"}
    return bool(said & {"id", "url"}) and bool(said & owners) and bool(said & counts)


def _ignored(headings: Cells, columns: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
    taken = {place for places in columns.values() for place in places}
    return tuple(
        heading.strip() for place, heading in enumerate(headings) if place not in taken and heading.strip()
    )


def _places(words: Sequence[str], meant: str) -> tuple[int, ...]:
    """In the order of the synonyms, so that the more exact ones come first."""
    synonyms = meant.split(", ")
    found = [(synonyms.index(word), place) for place, word in enumerate(words) if word in synonyms]
    return tuple(place for _, place in sorted(found))


def _labels(
    words: Sequence[str], columns: dict[str, tuple[int, ...]], sample: Sequence[Cells]
) -> dict[str, tuple[int, ...]]:
    """Of the columns that may be handle or name, the one whose cells look most like handles is the handle."""
    taken = {place for places in columns.values() for place in places}
    labels = [place for place, word in enumerate(words) if place not in taken and _LABEL.search(word)]
    if "handle" in columns or "creator_id" in columns or "post_id" in columns:
        return {"name": (*columns.get("name", ()), *labels)} if labels or "name" in columns else {}
    if not labels:
        return {}
    best = max(labels, key=lambda place: (_share(sample, place, _HANDLE), -place))
    others = tuple(place for place in labels if place != best)
    return {"handle": (best,), "name": (*columns.get("name", ()), *others, best)}


def _without_misplaced(
    columns: dict[str, tuple[int, ...]], headings: Cells, sample: Sequence[Cells]
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """A column of counts that holds texts is not what its heading says: it is left out, with a note."""
    kept, notes = {}, []
    for field, places in columns.items():
        good = places
        if field in COUNTS:
            good = tuple(place for place in places if not _is_text(sample, place))
            notes += [
                f"column {place + 1}, {headings[place].strip()!r}, holds texts, not numbers, and is left out"
                for place in places
                if place not in good
            ]
        if good:
            kept[field] = good
    return kept, tuple(notes)


def _is_text(sample: Sequence[Cells], place: int) -> bool:
    cells = [row[place] for row in sample if place < len(row) and row[place].strip()]
    return bool(cells) and sum(map(is_plain_text, cells)) > len(cells) * _MOST


def _platform(
    words: Sequence[str], columns: dict[str, tuple[int, ...]], sample: Sequence[Cells], file_name: str
) -> Platform | None:
    """By a word in the headings, the form of the ids, a word in the file's name, or talk of subscribers."""
    said = set(" ".join(words).split())
    for platform, names in _PLATFORM_WORDS:
        if said & set(names):
            return platform
    for field, form, platform in (
        ("post_id", _VIDEO_ID, Platform.YOUTUBE),
        ("creator_id", _CHANNEL_ID, Platform.YOUTUBE),
        ("post_id", _LONG_NUMBER, Platform.TIKTOK),
        ("creator_id", _LONG_NUMBER, Platform.TIKTOK),
    ):
        if any(_share(sample, place, form) > _MOST for place in columns.get(field, ())):
            return platform
    for platform, names in _PLATFORM_WORDS:
        if any(name in file_name.lower() for name in names):
            return platform
    return Platform.YOUTUBE if said & {"subscriber", "subscribers"} else None


def _date_in(file_name: str) -> int | None:
    """`instagram_2022-03.csv` was observed in March 2022."""
    date = _DATE.search(file_name)
    return read_time(date[0]) if date else None


def _share(sample: Sequence[Cells], place: int, form: re.Pattern[str]) -> float:
    cells = [row[place].strip() for row in sample if place < len(row) and row[place].strip()]
    return sum(form.fullmatch(cell) is not None for cell in cells) / len(cells) if cells else 0.0
