"""How does the error of ridge regression depend on its penalty, where predictors are many and correlated?

Each seed draws data sets from a linear model with Gaussian noise, fits ridge regression at each penalty, and
reports the mean squared error on fresh data. Reads `request.json`; writes `results.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(int(request["seed"]))
    wanted = request["parameters"]
    size, predictors = int(wanted["observations"]), int(wanted["predictors"])
    penalties = {label: float(value) for label, value in wanted["penalties"].items()}
    errors = np.zeros(len(penalties))
    for _ in range(int(wanted["repeats"])):
        shared = rng.normal(size=(size + 500, 1))
        x = 0.7 * shared + rng.normal(size=(size + 500, predictors))
        weights = rng.normal(size=predictors) / np.sqrt(predictors)
        y = x @ weights + rng.normal(size=size + 500)
        train, test = x[:size], x[size:]
        for index, penalty in enumerate(penalties.values()):
            fitted = np.linalg.solve(train.T @ train + penalty * np.eye(predictors), train.T @ y[:size])
            errors[index] += float(((test @ fitted - y[size:]) ** 2).mean())
    errors /= int(wanted["repeats"])
    measurements: list[dict[str, Any]] = [
        {"metric": "test_error", "value": float(error), "group": f"{label} penalty"}
        for label, error in zip(penalties, errors, strict=True)
    ]
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
