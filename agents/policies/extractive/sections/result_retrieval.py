"""Retrieval in words, a table and a figure."""

from __future__ import annotations

from peercycle.agents.policies.extractive.latex import figure, join, paragraphs, table
from peercycle.agents.policies.extractive.material import Material
from peercycle.agents.policies.extractive.prose import shares

SYSTEMS = ("BM25", "TF-IDF")


def retrieval(m: Material) -> str:
    """Return the subsection's text."""
    f = m.findings
    bm25, tf_idf = (f.interval("retrieval", "mrr", system) for system in SYSTEMS)
    seeds = f.number_of_seeds("retrieval", "mrr", "BM25")
    queries = f.mean("retrieval", "queries", None, 0)
    pictured = (
        " Figure~\\ref{fig:retrieval} shows how many titles find their abstract by depth." if _figure(m) else ""
    )
    text = join(
        f"Over {seeds} seeds of {queries} titles each, a title finds its own abstract with a mean reciprocal rank of "
        f"{bm25} by BM25 and {tf_idf} by TF-IDF.",
        difference(m),
        f"Table~\\ref{{tab:retrieval}} gives the figures.{pictured}",
    )
    return paragraphs(text, _table(m), _figure(m))


def difference(m: Material) -> str:
    """Return what the paired difference says, by its bootstrap interval in every seed."""
    f = m.findings
    lows = f.per_seed("retrieval", "mrr_difference_low")
    highs = f.per_seed("retrieval", "mrr_difference_high")
    mean = f.interval("retrieval", "mrr_difference", digits=3)
    if not lows or len(lows) != len(highs) or not mean:
        return ""
    better = sum(low.value > 0 for low in lows)
    worse = sum(high.value < 0 for high in highs)
    total = len(lows)
    if all(m_.value == 0 for m_ in (*lows, *highs)):
        return f"BM25 and TF-IDF rank alike in {shares(total, total, 'seed')}: the paired difference is {mean}."
    head = f"The paired difference (BM25 minus TF-IDF) is {mean}, and its bootstrap interval over queries"
    if better and not worse:
        return f"{head} lies above zero in {shares(better, total, 'seed')}{_only(better, total, 'BM25')}."
    if worse and not better:
        return f"{head} lies below zero in {shares(worse, total, 'seed')}{_only(worse, total, 'TF-IDF')}."
    if better and worse:
        return f"{head} lies above zero in some seeds and below it in others, so neither can be called better here."
    return f"{head} contains zero in {shares(total, total, 'seed')}, so neither can be called better here."


def conclusion(m: Material) -> str:
    """Return what the paired difference comes to."""
    lows = m.findings.per_seed("retrieval", "mrr_difference_low")
    highs = m.findings.per_seed("retrieval", "mrr_difference_high")
    if lows and all(low.value > 0 for low in lows):
        return "BM25 finds abstracts by their titles better than TF-IDF does in this list."
    if highs and all(high.value < 0 for high in highs):
        return "TF-IDF finds abstracts by their titles better than BM25 does in this list."
    better, worse = any(low.value > 0 for low in lows), any(high.value < 0 for high in highs)
    if better != worse:
        return (
            f"An advantage of {'BM25' if better else 'TF-IDF'} in finding abstracts by their titles is not certain."
        )
    return "BM25 and TF-IDF cannot be told apart by how well titles find their abstracts."


def _only(part: int, total: int, better: str) -> str:
    return "" if part == total else f" and contains zero in the rest, so the advantage of {better} is not certain"


def _table(m: Material) -> str:
    f = m.findings
    columns = [
        f.column([("retrieval", metric, system) for system in SYSTEMS])
        for metric in ("mrr", "mrr_low", "mrr_high", "recall_at_1", "recall_at_5")
    ]
    rows = list(zip(SYSTEMS, *columns, strict=True))
    return table(
        "Finding a work's abstract by its title: mean reciprocal rank (MRR) and the shares of titles whose "
        "abstract comes first and among the first five, with 95\\% intervals over seeds; Low and High "
        "are the ends of the bootstrap interval of the MRR over queries, averaged over seeds.",
        "tab:retrieval",
        "lrrrrr",
        ("System", "MRR", "Low", "High", "First", "First five"),
        rows,
    )


def _figure(m: Material) -> str:
    files = m.findings.files("retrieval")
    if not files:
        return ""
    return figure(
        "retrieval.png",
        f"Share of titles whose own abstract is among the first $k$, for seed {files[0][0].seed}.",
        "fig:retrieval",
    )
