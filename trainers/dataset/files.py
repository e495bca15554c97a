"""Writing a data set and reading it back: JSON lines, one pair to a line, streamed both ways."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, get_args

from peercycle.core.errors import BadInputError, UsageError
from peercycle.core.training import PreferencePair
from peercycle.store.bodies import json_text
from peercycle.store.disk import disk_errors
from peercycle.trainers.dataset.atif import trajectory
from peercycle.trainers.dataset.card import card
from peercycle.trainers.dataset.rows import pair_of, row_of
from peercycle.trainers.faults import fault_of
from peercycle.trainers.pair_building import LoggedPair, PairSet, require_pairs
from peercycle.trainers.pair_settings import PairReport
from peercycle.trainers.splits import Split

Format = Literal["trl", "atif"]
SPLITS: tuple[Split, ...] = get_args(Split)
CARD, REPORT = "README.md", "report.json"


@dataclass(frozen=True, slots=True)
class Written:
    """What a data set came to."""

    report: PairReport
    megabytes: float
    seconds: float
    files: tuple[Path, ...]


def write_dataset(pairs: PairSet, out: Path, *, form: Format = "trl") -> Written:
    """Write pairs below `out`: the same pairs give the same bytes.

    Raises `UsageError` where `out` holds something else, `BadInputError` where there is no pair, `StoreError`
    where the disk refuses.
    """
    began = time.monotonic()
    _check_folder(out)
    data = out / "data"
    new = [folder for folder in (data, out, *out.parents) if not folder.exists()]
    with disk_errors("write", out):
        data.mkdir(parents=True, exist_ok=True)
        paths: dict[Split, Path] = {split: data / f"{split}.jsonl" for split in SPLITS}
        asides: dict[Split, Path] = {split: path.with_suffix(".part") for split, path in paths.items()}
        counts = _write_bodies(pairs, asides, form)
        report = pairs.report()
        for split in SPLITS:
            if counts[split]:
                asides[split].replace(paths[split])
            else:
                asides[split].unlink()
                paths[split].unlink(missing_ok=True)
        if report.pairs == 0:
            for folder in new or [data]:
                folder.rmdir()
        require_pairs(report)
        files: dict[str, str] = {split: f"data/{split}.jsonl" for split in SPLITS if counts[split]}
        (out / REPORT).write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
        text = card(report, pairs.settings, files) if form == "trl" else _atif_note(report)
        (out / CARD).write_text(text, encoding="utf-8")
    written = tuple(out / name for name in files.values())
    size = sum(path.stat().st_size for path in written)
    return Written(report, size / 1e6, time.monotonic() - began, (*written, out / REPORT, out / CARD))


def read_pairs(folder: Path, split: Split | None = None) -> Iterator[PreferencePair]:
    """Stream the pairs of a data set that `write_dataset` wrote. Raises `BadInputError` naming file and line."""
    paths = [(name, folder / "data" / f"{name}.jsonl") for name in SPLITS if split in (None, name)]
    found = [(name, path) for name, path in paths if path.is_file()]
    if not found:
        which = "pairs" if split is None else f"pairs of split {split!r}"
        raise BadInputError(f"{str(folder)!r} holds no {which}; `peercycle pairs RUNS… --out DIR` writes some")
    for name, path in found:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield pair_of(json.loads(line), name)
                except (ValueError, KeyError, TypeError) as error:
                    raise BadInputError(f"line {number} of {str(path)!r} is no pair: {fault_of(error)}") from None


def _write_bodies(pairs: PairSet, asides: dict[Split, Path], form: Format) -> dict[Split, int]:
    counts: dict[Split, int] = dict.fromkeys(SPLITS, 0)
    files: dict[Split, IO[str]] = {}
    seen: set[str] = set()
    try:
        for split, path in asides.items():
            files[split] = path.open("w", encoding="utf-8", newline="\n")
        for logged in pairs:
            split = logged.pair.split
            for line in _lines(logged, form, seen):
                files[split].write(line + "\n")
                counts[split] += 1
    finally:
        for file in files.values():
            file.close()
    return counts


def _lines(logged: LoggedPair, form: Format, seen: set[str]) -> Iterable[str]:
    if form == "trl":
        yield json_text(row_of(logged), "a pair")
        return
    for one in (logged.chosen, logged.rejected):
        if one.episode.id not in seen:
            seen.add(one.episode.id)
            yield json_text(trajectory(one), "a trajectory")


def _check_folder(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{str(out)!r} is a file; give --out a folder")
    with disk_errors("look into", out):
        names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if names - {"data", CARD, REPORT}:
        other = sorted(names - {"data", CARD, REPORT})[0]
        raise UsageError(f"{str(out)!r} holds other things ({other!r}); give --out a new folder, or one of ours")


def _atif_note(report: PairReport) -> str:
    lines = "\n".join(f"- {line}" for line in report.lines())
    return f"""# Trajectories of the paired episodes, in ATIF v1.4

Machine-made. Each line of `data/*.jsonl` is one trajectory; `extra.reward` is what ranked it.

{lines}
"""


__all__ = ["Format", "Written", "read_pairs", "write_dataset"]
