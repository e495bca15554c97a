"""Does the title of a work find its own abstract among all abstracts, by BM25 and by TF-IDF?

Each seed draws a share of the works. Every title is a query, every abstract a document, and the only right answer
is the abstract of the same work. Reciprocal ranks are averaged; intervals are percentile bootstraps over the
queries. Reads `request.json` and `corpus.json`; writes `results.json` and, for one seed, `retrieval.png`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
K1, B = 1.2, 0.75


def counts(texts: list[list[str]], column: dict[str, int]) -> Matrix:
    """Return how often each text (row) uses each word (column)."""
    table = np.zeros((len(texts), len(column)))
    for row, tokens in enumerate(texts):
        for token in tokens:
            if token in column:
                table[row, column[token]] += 1
    return table


def bm25(queries: Matrix, documents: Matrix, lengths: Matrix) -> Matrix:
    """Return Okapi BM25 scores of every document (column) for every query (row)."""
    number = len(documents)
    df = (documents > 0).sum(axis=0)
    idf = np.log(1 + (number - df + 0.5) / (df + 0.5))
    norm = K1 * (1 - B + B * lengths / lengths.mean())[:, None]
    weights = idf * documents * (K1 + 1) / (documents + norm)
    return np.asarray(queries @ weights.T)


def tf_idf(queries: Matrix, documents: Matrix) -> Matrix:
    """Return cosines of TF-IDF vectors with 1 + log tf weights."""
    idf = np.log(1 + len(documents) / np.maximum((documents > 0).sum(axis=0), 1))

    def weighted(table: Matrix) -> Matrix:
        logs = np.log(table, out=np.zeros_like(table), where=table > 0)
        rows = np.where(table > 0, 1 + logs, 0.0) * idf
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))

    return np.asarray(weighted(queries) @ weighted(documents).T)


def ranks_of_own(scores: Matrix) -> Matrix:
    """Return the rank of each query's own document; ties share their middle rank."""
    own = np.diag(scores)[:, None]
    above = (scores > own + 1e-12).sum(axis=1)
    level = (np.abs(scores - own) <= 1e-12).sum(axis=1)
    return np.asarray(1 + above + (level - 1) / 2)


def percentile_interval(values: Matrix, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95% percentile bootstrap interval of a mean."""
    drawn = rng.integers(0, len(values), size=(resamples, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def draw(ranks: dict[str, Matrix]) -> None:
    """Draw the share of titles that find their abstract within the first k."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(4.6, 3.0))
    depths = np.arange(1, 11)
    for (name, values), style in zip(ranks.items(), (("#1f5a8a", "o-"), ("#c2571a", "s--")), strict=True):
        axes.plot(depths, [(values <= k).mean() for k in depths], style[1], color=style[0], label=name, markersize=4)
    axes.set_xlabel("k")
    axes.set_ylabel("share found within k")
    axes.set_ylim(0, 1.03)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig("retrieval.png", dpi=140, metadata={"Software": None})


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    seed, wanted = int(request["seed"]), request["parameters"]
    corpus = json.loads(Path("corpus.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(seed)
    works = [work for work in corpus["works"] if work["abstract"] and work["title"]]
    size = max(2, min(round(float(wanted["share"]) * len(works)), int(wanted["most_works"])))
    works = [works[index] for index in np.sort(rng.choice(len(works), size=min(size, len(works)), replace=False))]
    stop = set(corpus["stopwords"]) if wanted["stopwords"] else set()
    titles = [[token for token in work["title"] if token not in stop] for work in works]
    abstracts = [[token for token in work["abstract"] if token not in stop] for work in works]
    column = {word: index for index, word in enumerate(sorted({word for title in titles for word in title}))}
    queries, documents = (counts(titles, column) > 0).astype(float), counts(abstracts, column)
    lengths = np.array([float(max(1, len(tokens))) for tokens in abstracts])
    ranks = {
        "BM25": ranks_of_own(bm25(queries, documents, lengths)),
        "TF-IDF": ranks_of_own(tf_idf(queries, documents)),
    }
    measurements: list[dict[str, Any]] = []
    if wanted["details"]:
        measurements.append({"metric": "queries", "value": len(works), "unit": "titles"})
    resamples = int(wanted["resamples"])
    for name, values in ranks.items():
        measurements += [
            {"metric": "mrr", "value": float((1 / values).mean()), "group": name},
            {"metric": "recall_at_1", "value": float((values <= 1).mean()), "group": name},
            {"metric": "recall_at_5", "value": float((values <= 5).mean()), "group": name},
        ]
        if wanted["details"]:
            low, high = percentile_interval(1 / values, resamples, rng)
            measurements += [
                {"metric": "mrr_low", "value": low, "group": name},
                {"metric": "mrr_high", "value": high, "group": name},
            ]
    difference = 1 / ranks["BM25"] - 1 / ranks["TF-IDF"]
    measurements.append({"metric": "mrr_difference", "value": float(difference.mean())})
    if wanted["details"]:
        low, high = percentile_interval(difference, resamples, rng)
        measurements += [
            {"metric": "mrr_difference_low", "value": low},
            {"metric": "mrr_difference_high", "value": high},
        ]
    if wanted["figure_seed"] == seed:
        draw(ranks)
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
