"""An FTS5 index of works: BM25 over title and abstract, quick on a hundred thousand papers."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Sequence

from peercycle.core.literature import Reference
from peercycle.core.sameness import identities
from peercycle.core.stems import STOP_WORDS, length

SCHEMA_VERSION = 3
TOKENIZER = "porter unicode61 remove_diacritics 2"
ENOUGH_DOCUMENTS = 4000
"""A row is ranked where it holds one of the rarer terms, whose document counts sum to about this many.

BM25 costs 0.8 microseconds a row, and common terms match most of a large corpus while they decide little.
"""
MOST_TERMS = 64


def create(connection: sqlite3.Connection) -> None:
    """Create the tables of an empty index."""
    connection.executescript(
        f"""
        PRAGMA user_version = {SCHEMA_VERSION};
        CREATE TABLE works (id INTEGER PRIMARY KEY, reference TEXT NOT NULL);
        CREATE TABLE names (name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
        CREATE VIRTUAL TABLE texts USING fts5(title, abstract, content='', tokenize='{TOKENIZER}');
        CREATE VIRTUAL TABLE terms USING fts5vocab(texts, 'row');
        CREATE TABLE totals (works INTEGER NOT NULL, title_words INTEGER NOT NULL, abstract_words INTEGER NOT NULL);
        """
    )


def fill(connection: sqlite3.Connection, works: Iterable[Reference]) -> None:
    """Add the works of an empty index, each of them once already."""
    number = title_words = abstract_words = 0
    for number, work in enumerate(works, start=1):
        title_words += length(work.title)
        abstract_words += length(work.abstract or "")
        connection.execute("INSERT INTO works VALUES (?, ?)", (number, work.model_dump_json()))
        connection.execute(
            "INSERT INTO texts (rowid, title, abstract) VALUES (?, ?, ?)",
            (number, _compatible(work.title), _compatible(work.abstract or "")),
        )
        names = [(name, number) for name in (*identities(work), f"key:{work.key}")]
        connection.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", names)
    connection.execute("INSERT INTO totals VALUES (?, ?, ?)", (number, title_words, abstract_words))
    connection.execute("INSERT INTO texts (texts) VALUES ('optimize')")


def totals(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return how many works there are, and how many words their titles and abstracts have, stop words left out."""
    works, title_words, abstract_words = connection.execute("SELECT * FROM totals").fetchone()
    return int(works), int(title_words), int(abstract_words)


def _compatible(text: str) -> str:
    """Return a text in which CO₂ is CO2, as people type it."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def query_terms(query: str, *, most: int = MOST_TERMS) -> list[str]:
    """Return the words to look for, each once; stop words only where there is nothing else."""
    words = re.findall(r"\w+", _compatible(query).replace("\0", " ").casefold())
    unique = list(dict.fromkeys(words))
    return ([word for word in unique if word not in STOP_WORDS] or unique)[:most]


def search(connection: sqlite3.Connection, terms: Sequence[str], limit: int, title_weight: float) -> list[Reference]:
    """Return the best works, BM25 over all terms; equal scores in the order of the corpus."""
    return [load(connection, number) for number in search_ids(connection, terms, limit, title_weight)]


def search_ids(
    connection: sqlite3.Connection,
    terms: Sequence[str],
    limit: int,
    title_weight: float,
    enough: int = ENOUGH_DOCUMENTS,
) -> list[int]:
    """Return the numbers of the best works; see `ENOUGH_DOCUMENTS` for `enough`."""
    if not terms:
        return []
    rows = connection.execute(
        "SELECT rowid, bm25(texts, ?, 1.0) AS score FROM texts WHERE texts MATCH ? ORDER BY score, rowid LIMIT ?",
        (title_weight, _expression(connection, terms, enough), limit),
    ).fetchall()
    return [int(row[0]) for row in rows]


def _expression(connection: sqlite3.Connection, terms: Sequence[str], enough: int) -> str:
    """Return the MATCH expression: all terms count, but a row must hold one of the rarer ones."""
    counts = _document_counts(connection, terms)
    by_rarity = sorted((term for term in terms if counts[term]), key=lambda term: counts[term])
    if not by_rarity:
        return _any_of(terms)
    needed, total = 0, 0
    while needed < len(by_rarity) and (needed == 0 or total < enough):
        total += counts[by_rarity[needed]]
        needed += 1
    everything = _any_of(by_rarity)
    return everything if needed == len(by_rarity) else f"({_any_of(by_rarity[:needed])}) AND ({everything})"


def _any_of(terms: Sequence[str]) -> str:
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in terms)


def _document_counts(connection: sqlite3.Connection, terms: Sequence[str]) -> dict[str, int]:
    """Return in how many works each term occurs. FTS5 stems the terms itself, in a table for this purpose."""
    connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.asked USING fts5(word, tokenize='{TOKENIZER}')")
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.stems USING fts5vocab(temp, asked, 'instance')")
    connection.execute("DELETE FROM temp.asked")
    connection.executemany("INSERT INTO temp.asked (rowid, word) VALUES (?, ?)", list(enumerate(terms)))
    stems = connection.execute("SELECT doc, term FROM temp.stems").fetchall()
    counts: dict[str, int] = dict.fromkeys(terms, 0)
    for number, stem in stems:
        found = connection.execute("SELECT doc FROM terms WHERE term = ?", (stem,)).fetchone()
        term = terms[int(number)]
        counts[term] = max(counts[term], int(found[0]) if found else 0)
    return counts


def lookup(connection: sqlite3.Connection, name: str) -> Reference | None:
    """Return the work that is known under an identity, as `doi:…`, `arxiv:…` or `key:…`."""
    row = connection.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()
    return load(connection, row[0]) if row else None


def load(connection: sqlite3.Connection, number: int) -> Reference:
    """Return a work by its number."""
    row = connection.execute("SELECT reference FROM works WHERE id = ?", (number,)).fetchone()
    return Reference.model_validate_json(row[0])
