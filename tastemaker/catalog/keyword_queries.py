"""Which terms creators use, and which they use together, out of the catalog's documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tastemaker.catalog.terms import quoted
from tastemaker.db.statements import any_of, composed, statement
from tastemaker.db.transaction import Transaction

EXACT_BELOW: Final = 50_000
"""In a larger catalog terms are counted in a sample."""


@dataclass(frozen=True, slots=True)
class TermUse:
    """How many creators use a term."""

    term: str
    creators: int


COUNT_CREATORS = statement(
    "SELECT count(*) FROM (SELECT FROM creator_documents LIMIT %(most)s) AS known", int, not_null="count"
)

COUNT_SAMPLE = statement("SELECT count(*) FROM creator_documents WHERE bucket = 7", int, not_null="count")

COUNT_USING = composed(
    """
    SELECT word.term, (SELECT count(*) FROM creator_documents d
                       WHERE d.terms @@ CAST(word.query AS tsquery) {sample}) AS creators
    FROM unnest(CAST(%(terms)s AS text[]), CAST(%(queries)s AS text[])) AS word (term, query)
    """,
    TermUse,
    not_null="term creators",
    sample=any_of(sample="AND d.bucket = 7"),
)

LIST_TERMS = composed(
    """
    WITH best AS MATERIALIZED (
        SELECT d.terms FROM creator_documents d
        WHERE d.terms @@ CAST(%(query)s AS tsquery) AND d.made_up = %(made_up)s
        ORDER BY d.rank DESC, d.creator_id DESC LIMIT %(most)s
    )
    SELECT word.lexeme AS term, count(*) AS creators
    FROM best CROSS JOIN LATERAL unnest(best.terms) AS word
    WHERE word.positions IS NOT NULL AND char_length(word.lexeme) > 2 {beginning}
    GROUP BY word.lexeme ORDER BY count(*) DESC, word.lexeme LIMIT %(limit)s
    """,
    TermUse,
    not_null="term creators",
    beginning=any_of(beginning="AND starts_with(word.lexeme, %(beginning)s)"),
)
"""The terms of the best `most` creators that match, the most used first."""

COUNT_MATCHING = statement(
    """
    SELECT count(*) FROM (
        SELECT FROM creator_documents d
        WHERE d.terms @@ CAST(%(query)s AS tsquery) AND d.made_up = %(made_up)s LIMIT %(most)s) AS matching
    """,
    int,
    not_null="count",
)


@dataclass(frozen=True, slots=True)
class Usage:
    """`creators` that `using` counts in: the whole catalog, or its sample."""

    creators: int
    using: dict[str, int]


async def count_using(tx: Transaction, terms: Sequence[str]) -> Usage:
    number, counting = await tx.only(COUNT_CREATORS, most=EXACT_BELOW + 1), COUNT_USING.choose()
    if number > EXACT_BELOW:
        number, counting = await tx.only(COUNT_SAMPLE), COUNT_USING.choose(sample="sample")
    counted = await tx.many(counting, terms=list(terms), queries=[quoted(term) for term in terms])
    return Usage(max(number, 1), {one.term: one.creators for one in counted})
