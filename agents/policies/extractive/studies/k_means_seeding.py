"""How good are the clusters of k-means from uniformly drawn first centres and from k-means++?

Each seed draws mixtures of Gaussians in the plane and runs Lloyd's algorithm once from either kind of first
centres; reported is the mean within-cluster sum of squares, divided by that from the true centres. Reads
`request.json`; writes `results.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def distances(points: Matrix, centres: Matrix) -> Matrix:
    """Return squared distances of all points to all centres."""
    return np.asarray(((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2))


def lloyd(points: Matrix, centres: Matrix, steps: int = 50) -> float:
    """Return the within-cluster sum of squares where Lloyd's algorithm ends."""
    for _ in range(steps):
        labels = distances(points, centres).argmin(axis=1)
        moved = np.array(
            [points[labels == i].mean(axis=0) if (labels == i).any() else centres[i] for i in range(len(centres))]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return float(distances(points, centres).min(axis=1).sum())


def spread_centres(points: Matrix, number: int, rng: np.random.Generator) -> Matrix:
    """Return first centres by k-means++ (Arthur and Vassilvitskii 2007)."""
    centres = points[[int(rng.integers(len(points)))]]
    while len(centres) < number:
        nearest = distances(points, centres).min(axis=1)
        centres = np.vstack([centres, points[int(rng.choice(len(points), p=nearest / nearest.sum()))]])
    return centres


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(int(request["seed"]))
    number, repeats = int(request["parameters"]["clusters"]), int(request["parameters"]["repeats"])
    ratios: dict[str, list[float]] = {"uniform": [], "k-means++": []}
    for _ in range(repeats):
        true = rng.uniform(-10, 10, size=(number, 2))
        points = np.vstack([rng.normal(centre, 1.0, size=(40, 2)) for centre in true])
        ideal = lloyd(points, true)
        uniform = points[rng.choice(len(points), size=number, replace=False)]
        ratios["uniform"].append(lloyd(points, uniform) / ideal)
        ratios["k-means++"].append(lloyd(points, spread_centres(points, number, rng)) / ideal)
    measurements: list[dict[str, Any]] = [
        {"metric": "relative_inertia", "value": float(np.mean(values)), "group": name}
        for name, values in ratios.items()
    ]
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
