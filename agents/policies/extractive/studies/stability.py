"""Do the clusters of the map come back when the works are drawn again?

Each seed draws bootstrap samples of the works, clusters the works in each anew with spherical k-means, and compares
with the map's clusters: adjusted Rand index over all, and for each cluster its best Jaccard similarity (Hennig
2007). The same is done with the words of the works shuffled, which is what clustering finds where there is nothing.
Reads `request.json` and `corpus.json`; writes `results.json` and, for one seed, `stability.png`.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


def weights(works: list[dict[str, Any]], stop: set[str], wanted: dict[str, Any]) -> Matrix:
    """Return TF-IDF rows before normalisation, over the words that two works or more share."""
    repeat = int(wanted["title_weight"])
    texts = [Counter(t for t in work["title"] * repeat + work["abstract"] if t not in stop) for work in works]
    df = Counter(token for text in texts for token in text)
    most = max(2, int(float(wanted["largest_share"]) * len(texts)))
    kept = sorted(token for token, n in df.items() if 2 <= n <= most and n < len(texts))
    table = np.array([[float(text[token]) for token in kept] for text in texts]).reshape(len(texts), len(kept))
    if wanted["weighting"] == "binary":
        table = (table > 0).astype(float)
    elif wanted["weighting"] == "bm25":
        table = table * 2.2 / (table + 1.2)
    else:
        table = np.where(table > 0, 1 + np.log(np.maximum(table, 1)), 0.0)
    return np.asarray(table * np.log(len(texts) / np.array([df[token] for token in kept])))


def unit(rows: Matrix) -> Matrix:
    """Return rows at unit length; an empty row stays 0."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))


def k_means(rows: Matrix, number: int, rng: np.random.Generator, starts: int = 3) -> Labels:
    """Return the labels of the best of a few starts of spherical k-means."""
    best, labels = -np.inf, np.zeros(len(rows), dtype=np.int64)
    for _ in range(starts):
        centres = rows[[int(rng.integers(len(rows)))]]
        while len(centres) < number:
            far = np.maximum(1 - (rows @ centres.T).max(axis=1), 0) ** 2
            chosen = rng.choice(len(rows), p=far / far.sum()) if far.sum() > 0 else rng.integers(len(rows))
            centres = np.vstack([centres, rows[int(chosen)]])
        scores = rows @ centres.T
        found = scores.argmax(axis=1)
        for _ in range(25):
            scores = rows @ unit(np.eye(number)[found].T @ rows).T
            again = scores.argmax(axis=1)
            if (again == found).all():
                break
            found = again
        total = scores.max(axis=1).sum()
        if total > best:
            best, labels = total, found
    return labels


def adjusted_rand(a: Labels, b: Labels) -> float:
    """Return the adjusted Rand index of two labellings (Hubert and Arabie 1985); 1 where both have one cluster."""
    table = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(table, (a, b), 1)

    def pairs(counts: Matrix) -> float:
        return float((counts * (counts - 1) / 2).sum())

    together, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / pairs(np.array([float(len(a))]))
    limit = (rows + columns) / 2
    return 1.0 if limit == expected else (together - expected) / (limit - expected)


def best_jaccard(members: NDArray[np.bool_], labels: Labels) -> float:
    """Return the largest Jaccard similarity of a set of works with a cluster."""
    found = [members & (labels == label) for label in np.unique(labels)]
    unions = [members | (labels == label) for label in np.unique(labels)]
    return max(float(i.sum() / u.sum()) for i, u in zip(found, unions, strict=True))


def resampled(
    rows: Matrix, labels: Labels, number: int, samples: int, rng: np.random.Generator
) -> tuple[list[float], dict[int, list[float]]]:
    """Return the adjusted Rand index of each sample, and the Jaccard similarities of each cluster."""
    rand: list[float] = []
    jaccard: dict[int, list[float]] = {int(label): [] for label in np.unique(labels)}
    for _ in range(samples):
        drawn = np.unique(rng.integers(0, len(rows), size=len(rows)))
        if len(drawn) <= number:
            continue
        again = k_means(rows[drawn], number, rng)
        rand.append(adjusted_rand(labels[drawn], again))
        for label, values in jaccard.items():
            members = labels[drawn] == label
            if members.any():
                values.append(best_jaccard(members, again))
    return rand, jaccard


def draw(observed: list[float], shuffled: list[float]) -> None:
    """Draw the adjusted Rand indices of all samples, observed and shuffled."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(4.6, 2.8))
    for place, (values, colour) in enumerate(((observed, "#1f5a8a"), (shuffled, "#c2571a"))):
        offsets = place + np.linspace(-0.18, 0.18, len(values))
        axes.plot(offsets, sorted(values), "o", color=colour, markersize=4, alpha=0.8)
        axes.hlines(float(np.mean(values)), place - 0.28, place + 0.28, color=colour)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_xticks([0, 1], ["works as they are", "words shuffled"])
    axes.set_ylabel("adjusted Rand index")
    figure.tight_layout()
    figure.savefig("stability.png", dpi=140, metadata={"Software": None})


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    seed, wanted = int(request["seed"]), request["parameters"]
    corpus = json.loads(Path("corpus.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(seed)
    works = [work for work in corpus["works"] if work["label"] is not None]
    if len(works) > wanted["most_works"]:
        works = [works[i] for i in np.sort(rng.choice(len(works), size=int(wanted["most_works"]), replace=False))]
    labels = np.array([int(work["label"]) for work in works])
    number, samples = int(wanted["clusters"]), int(wanted["resamples"])
    raw = weights(works, set(corpus["stopwords"]) if wanted["stopwords"] else set(), wanted)
    observed, jaccard = resampled(unit(raw), labels, number, samples, rng)
    noise = unit(rng.permuted(raw, axis=0))
    shuffled, _ = resampled(noise, k_means(noise, number, rng), number, samples, rng)
    measurements: list[dict[str, Any]] = [
        {"metric": "adjusted_rand", "value": float(np.mean(observed)), "group": "observed"},
        {"metric": "adjusted_rand", "value": float(np.mean(shuffled)), "group": "shuffled"},
        {"metric": "adjusted_rand_gain", "value": float(np.mean(observed) - np.mean(shuffled))},
    ]
    if wanted["details"]:
        measurements.append({"metric": "clustered_works", "value": len(works), "unit": "works"})
    for label, values in jaccard.items() if wanted["details"] else ():
        group = f"c{label + 1}"
        size = int((labels == label).sum())
        measurements.append({"metric": "cluster_size", "value": size, "unit": "works", "group": group})
        if values:
            measurements.append({"metric": "cluster_jaccard", "value": float(np.mean(values)), "group": group})
    if wanted["figure_seed"] == seed:
        draw(observed, shuffled)
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
