"""How fast does a Monte Carlo estimate of an integral converge, plain and with antithetic points?

The integral of exp(x) over [0, 1] is e - 1. Each seed repeats the estimate many times at each sample size and
reports the root mean square error. Reads `request.json`; writes `results.json`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    request = json.loads(Path("request.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(int(request["seed"]))
    repeats = int(request["parameters"]["repeats"])
    measurements: list[dict[str, Any]] = []
    for label, size in request["parameters"]["sizes"].items():
        points = rng.random((repeats, int(size)))
        half = points[:, : int(size) // 2]
        estimates = {
            "plain": np.exp(points).mean(axis=1),
            "antithetic": (np.exp(half) + np.exp(1 - half)).mean(axis=1) / 2,
        }
        for name, values in estimates.items():
            error = float(np.sqrt(((values - (math.e - 1)) ** 2).mean()))
            measurements.append({"metric": "rms_error", "value": error, "group": f"{name}, {label}"})
    Path("results.json").write_text(json.dumps({"measurements": measurements}), encoding="utf-8")


if __name__ == "__main__":
    main()
