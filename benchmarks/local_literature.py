"""How quick the local literature is on 100,000 papers, and how near its answer is to a full BM25 ranking.

Run: `.venv/bin/python benchmarks/local_literature.py`. Writes `benchmarks/results/local_literature.json`.

The papers are drawn from topics with vocabularies of their own over a shared Zipfian background; queries are 3 to 12
words of a topic, as a person would type them.
"""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import statistics
import time

from measuring import write_result

from peercycle.agents.literature.local import index
from peercycle.core.literature import Reference

PAPERS, TOPICS, QUERIES, LIMIT = 100_000, 400, 200, 20


def main() -> None:
    """Build, ask, compare, write."""
    rng = random.Random(0)
    topics = [[f"t{topic}x{n}" for n in range(60)] for topic in range(TOPICS)]
    background = [f"common{n}" for n in range(20_000)]
    cumulative = list(itertools.accumulate(1 / (n + 2.7) for n in range(len(background))))

    def words(topic: int, n: int, share: float) -> list[str]:
        own = [topics[topic][min(59, int(rng.expovariate(0.08)))] for _ in range(n)]
        other = rng.choices(background, cum_weights=cumulative, k=n)
        return [a if rng.random() < share else b for a, b in zip(own, other, strict=True)]

    def paper(n: int) -> Reference:
        topic = n % TOPICS
        return Reference(
            key=f"p{n}", title=" ".join(words(topic, 10, 0.5)), abstract=" ".join(words(topic, 150, 0.25))
        )

    connection = sqlite3.connect(":memory:")
    index.create(connection)
    began = time.perf_counter()
    index.fill(connection, (paper(n) for n in range(PAPERS)))
    built = time.perf_counter() - began
    queries = [words(rng.randrange(TOPICS), rng.randint(3, 12), 0.5) for _ in range(QUERIES)]
    taken, full, overlaps = [], [], []
    for terms in queries:
        asked = index.query_terms(" ".join(terms))
        began = time.perf_counter()
        answer = index.search(connection, asked, LIMIT, 3.0)
        taken.append((time.perf_counter() - began) * 1e3)
        exact, seconds = everything(connection, asked)
        full.append(seconds * 1e3)
        overlaps.append(len({work.key for work in answer} & exact) / max(1, len(exact)))
    figures = {
        "papers": PAPERS,
        "queries": QUERIES,
        "build_s": round(built, 1),
        "median_ms": round(statistics.median(taken), 2),
        "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 2),
        "full_bm25_median_ms": round(statistics.median(full), 2),
        "mean_overlap_at_20_with_full_bm25": round(statistics.mean(overlaps), 3),
        "target_median_ms": 20,
        "sqlite": sqlite3.sqlite_version,
    }
    print(json.dumps(figures))
    print(f"written: {write_result('local_literature', figures)}")


def everything(connection: sqlite3.Connection, terms: list[str]) -> tuple[set[str], float]:
    """Return the answer of BM25 over every row that holds any of the terms, and how long that took."""
    began = time.perf_counter()
    rows = connection.execute(
        "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY bm25(texts, 3.0, 1.0), rowid LIMIT ?",
        (" OR ".join(f'"{term}"' for term in terms), LIMIT),
    ).fetchall()
    return {f"p{row[0] - 1}" for row in rows}, time.perf_counter() - began


if __name__ == "__main__":
    main()
