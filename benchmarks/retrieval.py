"""Retrieval on any pool and queries: how many of a paper's references are found by its title and abstract.

    python benchmarks/retrieval.py POOL.jsonl QUERIES.jsonl [--json] [--write]

POOL.jsonl, a work a line:      {"id": "…", "title": "…", "abstract": "…"}            (abstract may be missing)
QUERIES.jsonl, a query a line:  {"id": "…", "title": "…", "abstract": "…", "relevant": ["id", …]}
                                or {"id": "…", "query": "…", "relevant": […]}

Prints R-precision@20 (of the first min(20, number of relevant works), the share that is relevant), recall@50, MRR
and milliseconds a query, for peercycle's local source, for plain FTS5 and for bm25s, each on the same pool. A work of
the pool that is the query itself (same id, or same title) is not counted for or against anybody.

Needs the group `bench`: pip install --group bench. Labelled sets: see benchmarks/data/README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import write_result

from peercycle.agents.literature.local.settings import LocalSettings
from peercycle.agents.literature.local.source import LocalLiterature
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.sameness import normalised_title

DEPTH = 60
"""Works asked for: 50, and room for the query itself among them."""

Search = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Question:
    """A query, and the works that answer it."""

    id: str
    text: str
    title: str
    relevant: frozenset[str]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def read_questions(path: Path) -> list[Question]:
    """Return the queries of a file."""
    found = []
    for row in read_lines(path):
        title = row.get("title") or ""
        text = row.get("query") or f"{title}. {row.get('abstract') or ''}"
        found.append(Question(str(row["id"]), text, title, frozenset(map(str, row["relevant"]))))
    return found


def ours(pool: Sequence[dict[str, Any]]) -> Search:
    """Return a search by peercycle's local source, as a run and `peercycle search` use it."""
    works = tuple(
        Reference(
            key=f"w{n}", title=row.get("title") or "", abstract=row.get("abstract") or None, ids={"acl": str(n)}
        )
        for n, row in enumerate(pool)
    )
    loop = asyncio.new_event_loop()
    source = LocalLiterature(LocalSettings())
    loop.run_until_complete(source.add(Bibliography(entries=works)))
    ids = [str(row["id"]) for row in pool]

    def search(text: str) -> list[str]:
        found = loop.run_until_complete(source.search(text, limit=DEPTH))
        return [ids[int(work.ids["acl"])] for work in found]

    search("warm up")
    return search


def plain_fts5(pool: Sequence[dict[str, Any]]) -> Search:
    """Return a search by SQLite's own BM25 over Porter stems, any word of the query wanted."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE texts USING fts5(title, abstract, tokenize='porter unicode61')")
    rows = [(n, row.get("title") or "", row.get("abstract") or "") for n, row in enumerate(pool)]
    connection.executemany("INSERT INTO texts (rowid, title, abstract) VALUES (?, ?, ?)", rows)
    ids = [str(row["id"]) for row in pool]

    def search(text: str) -> list[str]:
        words = dict.fromkeys("".join(c if c.isalnum() else " " for c in text.lower()).split())
        expression = " OR ".join(f'"{word}"' for word in words)
        found = connection.execute(
            "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY bm25(texts) LIMIT ?", (expression, DEPTH)
        )
        return [ids[row[0]] for row in found]

    return search


def with_bm25s(pool: Sequence[dict[str, Any]]) -> Search | None:
    """Return a search by bm25s with its own defaults; None where it is not installed."""
    try:
        import bm25s
    except ImportError:
        return None
    texts = [f"{row.get('title') or ''} {row.get('abstract') or ''}" for row in pool]
    retriever = bm25s.BM25()
    retriever.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)
    ids = [str(row["id"]) for row in pool]

    def search(text: str) -> list[str]:
        tokens = bm25s.tokenize([text], stopwords="en", show_progress=False)
        found, _ = retriever.retrieve(tokens, k=min(DEPTH, len(ids)), show_progress=False)
        return [ids[place] for place in found[0]]

    return search


def measure(
    search: Search, questions: Sequence[Question], itself: Callable[[Question], set[str]]
) -> dict[str, float]:
    """Return the means over the queries."""
    precision, recall, reciprocal, seconds = [], [], [], 0.0
    for question in questions:
        began = time.perf_counter()
        found = search(question.text)
        seconds += time.perf_counter() - began
        own = itself(question)
        ranked = [each for each in found if each not in own][:50]
        relevant = question.relevant - own
        first = ranked[: min(20, len(relevant))]
        precision.append(sum(each in relevant for each in first) / max(1, min(20, len(relevant))))
        recall.append(sum(each in relevant for each in ranked) / max(1, len(relevant)))
        rank = next((place for place, each in enumerate(ranked, start=1) if each in relevant), 0)
        reciprocal.append(1 / rank if rank else 0.0)
    number = len(questions)
    return {
        "r_precision_20": sum(precision) / number,
        "recall_50": sum(recall) / number,
        "mrr": sum(reciprocal) / number,
        "ms_a_query": 1000 * seconds / number,
    }


def main() -> int:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--write", action="store_true", help="keep the figures in results/retrieval.json")
    given = parser.parse_args()
    pool, questions = read_lines(given.pool), read_questions(given.queries)
    titles: dict[str, set[str]] = {}
    for row in pool:
        titles.setdefault(normalised_title(row.get("title") or ""), set()).add(str(row["id"]))

    def itself(question: Question) -> set[str]:
        return {question.id} | (titles.get(normalised_title(question.title), set()) if question.title else set())

    figures: dict[str, dict[str, float]] = {}
    for name, make in (("peercycle", ours), ("FTS5", plain_fts5), ("bm25s", with_bm25s)):
        if (search := make(pool)) is not None:
            figures[name] = measure(search, questions, itself)
        else:
            print(f"{name} is not installed; pip install --group bench", file=sys.stderr)
    result = {"works": len(pool), "queries": len(questions), "figures": figures}
    if given.write:
        write_result("retrieval", result, "bm25s")
    if given.json:
        print(json.dumps(result))
        return 0
    print(f"{len(pool)} works, {len(questions)} queries")
    print(f"{'':12}{'R-prec@20':>10}{'recall@50':>11}{'MRR':>7}{'ms/query':>10}")
    for name, row in figures.items():
        print(
            f"{name:12}{row['r_precision_20']:10.3f}{row['recall_50']:11.3f}{row['mrr']:7.3f}{row['ms_a_query']:10.1f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
