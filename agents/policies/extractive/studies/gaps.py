"""Which frequent words of the literature occur together less often than chance would have it?

Under the null hypothesis every word is spread over the works independently of every other, each in as many works as
observed. Pairs whose expected number of joint works is below one are not tested, nor are words that begin alike and
may be forms of one word. Works in another language than most of the list are left out. The single-step procedure of
Westfall and Young (1993) on standardised counts corrects over all pairs. Reads `request.json` and `corpus.json`;
writes `results.json` and, for one seed, `gaps.png`.
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
    return np.array([[float(word in text) for word in words] for text in texts]).reshape(len(works), len(words))


def standard_scores(joint: Matrix, frequency: Matrix, number: int) -> Matrix:
    """Return joint counts less their hypergeometric mean, over its standard deviation."""
    mean = np.outer(frequency, frequency) / number
    rest = np.outer(number - frequency, number - frequency)
    spread = np.sqrt(mean * rest / (number * max(1, number - 1)))
    return np.asarray(np.divide(joint - mean, spread, out=np.zeros_like(mean), where=spread > 0))


def draw(names: list[str], joint: Matrix) -> None:
    """Draw how many works use each pair of words."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.0, 4.6))
    shown = np.where(np.eye(len(names), dtype=bool), np.nan, joint)
    image = axes.imshow(shown, cmap="Blues", vmin=0)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    figure.colorbar(image, ax=axes, shrink=0.75, label="works that use both words")
    figure.tight_layout()
    figure.savefig("gaps.png", dpi=140, metadata={"Software": None})


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    seed, wanted = int(request["seed"]), request["parameters"]
    corpus = json.loads(Path("corpus.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(seed)
    works = [work for work in corpus["works"] if work["abstract"] and not work["apart"]]
    terms: dict[str, str] = wanted["terms"]
    groups = list(terms)
    present = uses(works, list(terms.values()), bool(wanted["titles"]))
    number, frequency = len(works), present.sum(axis=0)
    joint = present.T @ present
    expected = np.outer(frequency, frequency) / number
    begin = [word[: int(wanted["like"])] for word in terms.values()]
    unlike = np.array([[a != b for b in begin] for a in begin])
    upper = np.triu(np.ones_like(joint, dtype=bool), k=1) & (expected >= 1) & unlike
    rows, columns = np.nonzero(upper)
    measurements: list[dict[str, Any]] = [
        {"metric": "works_with_abstract", "value": number, "unit": "works"},
        {"metric": "pairs_tested", "value": len(rows), "unit": "pairs"},
    ]
    if len(rows):
        observed = standard_scores(joint, frequency, number)[upper]
        lowest = np.empty(int(wanted["permutations"]))
        for index in range(len(lowest)):
            shuffled = rng.permuted(present, axis=0)
            lowest[index] = standard_scores(shuffled.T @ shuffled, frequency, number)[upper].min()
        p = (1 + (lowest[:, None] <= observed + 1e-12).sum(axis=0)) / (len(lowest) + 1)
        measurements += [
            {"metric": "pairs_below_chance", "value": int((p < 0.05).sum()), "unit": "pairs"},
            {"metric": "pairs_never_together", "value": int((joint[upper] == 0).sum()), "unit": "pairs"},
        ]
        lowest_first = [i for i in np.argsort(observed, kind="stable") if observed[i] < -1e-9]
        for index in lowest_first[: int(wanted["reported_pairs"])]:
            a, b = int(rows[index]), int(columns[index])
            group = f"{groups[a]}+{groups[b]}"
            measurements.append({"metric": "adjusted_p", "value": float(p[index]), "group": group})
            if not wanted["details"]:
                continue
            measurements += [
                {"metric": "joint_works", "value": int(joint[a, b]), "unit": "works", "group": group},
                {"metric": "expected_works", "value": float(expected[a, b]), "unit": "works", "group": group},
            ]
    if wanted["figure_seed"] == seed:
        draw([wanted["shown"][group] for group in groups], joint)
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
