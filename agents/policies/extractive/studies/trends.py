"""Do words of the literature become more or less frequent over the years?

For each word, the statistic is the correlation between a work's year and whether it uses the word. The years are
permuted among the works; the single-step max-T procedure of Westfall and Young (1993) corrects for testing many
words at once. Reads `request.json` and `corpus.json`; writes `results.json` and, for one seed, `trends.png`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def uses(works: list[dict[str, Any]], words: list[str], titles: bool) -> Matrix:
    """Return which work (row) uses which word (column)."""
    texts = [set(work["abstract"]) | (set(work["title"]) if titles else set()) for work in works]
    return np.array([[float(word in text) for word in words] for text in texts])


def standardised(values: Matrix) -> Matrix:
    """Return columns of mean 0 and length 1; a constant column becomes 0."""
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 0))


def adjusted_p(years: Matrix, present: Matrix, permutations: int, rng: np.random.Generator) -> Matrix:
    """Return the two-sided p-value of every word, corrected over all words."""
    columns, target = standardised(present), standardised(years)
    observed = np.abs(target @ columns)
    shuffled = np.stack([rng.permutation(target) for _ in range(permutations)])
    largest = np.abs(shuffled @ columns).max(axis=1)
    return np.asarray((1 + (largest[:, None] >= observed - 1e-12).sum(axis=0)) / (permutations + 1))


def draw(names: list[str], shifts: Matrix, p: Matrix) -> None:
    """Draw the shift of every word as a bar, filled where its corrected p-value is below 0.05."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    order = np.argsort(shifts, kind="stable")
    figure, axes = plt.subplots(figsize=(5.2, 0.8 + 0.22 * len(names)))
    colours = ["#1f5a8a" if p[index] < 0.05 else "#c9d6e2" for index in order]
    axes.barh([names[index] for index in order], shifts[order], color=colours, edgecolor="#1f5a8a", linewidth=0.6)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel("mean year of works with the word minus without")
    axes.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig("trends.png", dpi=140, metadata={"Software": None})


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    seed, wanted = int(request["seed"]), request["parameters"]
    corpus = json.loads(Path("corpus.json").read_text(encoding="utf-8"))
    works = [work for work in corpus["works"] if work["year"] is not None and work["abstract"] and not work["apart"]]
    terms: dict[str, str] = wanted["terms"]
    years = np.array([float(work["year"]) for work in works])
    present = uses(works, list(terms.values()), bool(wanted["titles"]))
    with_word = present.sum(axis=0)
    tested = [i for i, n in enumerate(with_word) if wanted["least_works"] <= n <= len(works) - wanted["least_works"]]
    present = present[:, tested]
    groups = [list(terms)[index] for index in tested]
    measurements: list[dict[str, Any]] = [
        {"metric": "dated_works", "value": len(works), "unit": "works"},
        {"metric": "terms_tested", "value": len(tested), "unit": "words"},
    ]
    if tested:
        p = adjusted_p(years, present, int(wanted["permutations"]), np.random.default_rng(seed))
        with_mean = (years @ present) / present.sum(axis=0)
        without_mean = (years @ (1 - present)) / (1 - present).sum(axis=0)
        shifts = with_mean - without_mean
        measurements.append({"metric": "shifted_terms", "value": int((p < 0.05).sum()), "unit": "words"})
        for index, group in enumerate(groups):
            measurements.append({"metric": "adjusted_p", "value": float(p[index]), "group": group})
            if not wanted["details"]:
                continue
            measurements += [
                {"metric": "works_with_word", "value": int(present[:, index].sum()), "unit": "works", "group": group},
                {"metric": "year_shift", "value": float(shifts[index]), "unit": "years", "group": group},
            ]
        if wanted["figure_seed"] == seed:
            draw([wanted["shown"][group] for group in groups], shifts, p)
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
