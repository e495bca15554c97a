"""One training in a process of its own, or in one of several that a launcher starts:

    accelerate launch --config_file fsdp.yaml -m peercycle.trainers.job simpo PAIRS BASE OUT [--settings FILE.json]

PAIRS is a data set that `peercycle pairs` wrote. The record of the policy is printed as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from peercycle.core.errors import PeercycleError, SettingsError
from peercycle.trainers.dataset.files import read_pairs
from peercycle.trainers.faults import fault_line


def main(arguments: list[str] | None = None) -> int:
    """Train as asked, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m peercycle.trainers.job")
    parser.add_argument("trainer", choices=("simpo", "sft", "trl-cpo"))
    parser.add_argument("pairs", type=Path)
    parser.add_argument("base")
    parser.add_argument("out", type=Path)
    parser.add_argument("--settings", type=Path, help="a JSON object of the trainer's settings")
    asked = parser.parse_args(arguments)
    try:
        trainer, model = _trainer(asked.trainer)
        settings = _settings(asked.settings, model)
        record = trainer.train(read_pairs(asked.pairs), asked.base, asked.out, settings, _tell)
    except PeercycleError as error:
        sys.stderr.write(f"peercycle: {error}\n")
        return error.exit_code
    if _is_first():
        sys.stdout.write(f"{record.model_dump_json()}\n")
    return 0


def _trainer(name: str) -> tuple[Any, Any]:
    from peercycle.trainers.simpo.settings import SimpoSettings
    from peercycle.trainers.simpo.training import Simpo
    from peercycle.trainers.with_trl.cpo_plugin import TrlCpo
    from peercycle.trainers.with_trl.settings import SftSettings, TrlCpoSettings
    from peercycle.trainers.with_trl.sft_plugin import Sft

    known: dict[str, tuple[Any, Any]] = {
        "simpo": (Simpo(), SimpoSettings),
        "sft": (Sft(), SftSettings),
        "trl-cpo": (TrlCpo(), TrlCpoSettings),
    }
    return known[name]


def _settings(path: Path | None, model: Any) -> Any:
    if path is None:
        return model()
    try:
        return model.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"the settings {str(path)!r} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise SettingsError(f"{str(path)!r}: {fault_line(error.errors()[0], model)}") from None
    except ValueError as error:
        raise SettingsError(f"{str(path)!r} is not JSON: {error}") from None


def _tell(name: str, value: float, step: int) -> None:
    if _is_first():
        sys.stderr.write(f"{step}\t{name}\t{value:.6g}\n")


def _is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"


if __name__ == "__main__":
    sys.exit(main())
