"""`loop.json`: what a loop is, and how it ended; and where everything of it lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.base import JSON, Record, Word, canonical_json
from peercycle.core.errors import FingerprintError
from peercycle.trainers.loop.manifest import STEPS, Manifest, StepName, read_json, read_manifest, write_json
from peercycle.trainers.loop.promoting import Ending
from peercycle.trainers.loop.settings import LIMITS, PATHS, LoopSettings

FILE = "loop.json"


class LoopTerminal(Word):
    """How a loop ended."""

    reason: Ending
    message: str
    at: float
    """UTC time, seconds since the epoch."""
    iterations: int
    best: str
    """The promoted policy."""


class LoopRecord(Record):
    """`loop.json`: written before the first step, and replaced as a whole."""

    name: str
    arm: str | None = None
    created_at: float
    peercycle_version: str
    settings: dict[str, JSON]
    """Without the limits, which a loop may be gone on with under other values."""
    inputs: dict[str, str]
    """SHA-256 of the tasks, the demonstrations, the base; versions of the plugins."""
    terminal: LoopTerminal | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one loop, or of one arm of it."""

    root: Path
    """`loops/NAME`: what all arms share is here."""
    folder: Path
    """Its own: `loops/NAME/ARM`, `main` where there are no arms."""
    policies: Path
    """The registry."""

    @classmethod
    def of(cls, settings: LoopSettings, loops_dir: Path, policies: Path) -> Place:
        """Return where a loop lies."""
        root = loops_dir / settings.name
        return cls(root, root / (settings.arm or "main"), policies)

    def step(self, iteration: int, step: StepName) -> Path:
        """Return the folder of a step."""
        return self.folder / f"{iteration:03d}" / step


def content_of(settings: LoopSettings) -> dict[str, JSON]:
    """Return the settings that decide what a loop makes."""
    content: dict[str, JSON] = settings.model_dump(mode="json", exclude=set(LIMITS))
    content["sample"] = settings.sample.model_dump(mode="json", exclude={"parallel", "least"})
    return content


def read_record(folder: Path) -> LoopRecord | None:
    """Return a loop's record, None where there is none yet. Raises `DamagedRunError`."""
    return read_json(folder / FILE, LoopRecord, "loop's record")


def write_record(folder: Path, record: LoopRecord) -> None:
    """Replace a loop's record as a whole."""
    write_json(folder / FILE, record.model_dump(mode="json"))


def require_same(record: LoopRecord, settings: Mapping[str, JSON], inputs: Mapping[str, str], place: Place) -> None:
    """Raise `FingerprintError`, naming the keys, where a loop is gone on with otherwise than it was begun.

    What no step was done with yet may change: all settings before the first rollouts, those of training before the
    first training.
    """
    changed = [key for key in _changed("", record.settings, settings) if key not in PATHS]
    changed += _changed("inputs", record.inputs, inputs)
    done = {manifest.step for manifest in steps_done(place.folder)}
    if "train" not in done:
        changed = [key for key in changed if key.partition(".")[0] != "train"]
    if not changed:
        return
    if "sample" in done:
        way = "or give the loop another name to begin a new one"
    elif any(place.folder.glob("[0-9][0-9][0-9]")):
        way = f"or remove {str(place.folder)!r}, where nothing was sampled to its end, and go on"
    else:
        return
    raise FingerprintError(
        f"loop {record.name!r} was begun with another {', '.join(changed)}{_gone(record)}; set it back, {way}"
    )


def base_of(record: LoopRecord) -> str:
    """Return the base that a loop was begun with: a name, or the whole path of a folder where that lay then."""
    start = record.settings.get("start")
    return str(start.get("base", "")) if isinstance(start, dict) else ""


def _gone(record: LoopRecord) -> str:
    base = base_of(record)
    return (
        f" (its base lay at {base!r}, which is gone)" if Path(base).is_absolute() and not Path(base).is_dir() else ""
    )


def _changed(
    at: str, before: JSON | Mapping[str, str], now: JSON | Mapping[str, JSON] | Mapping[str, str]
) -> list[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        keys = sorted({*before, *now})
        return [
            line for key in keys for line in _changed(f"{at}.{key}" if at else key, before.get(key), now.get(key))
        ]
    return [] if canonical_json(before) == canonical_json(now) else [at]


def steps_done(folder: Path) -> list[Manifest]:
    """Return the manifests of a loop, in the order in which its steps are done."""
    found: list[Manifest] = []
    for iteration in sorted(path for path in folder.glob("[0-9][0-9][0-9]") if path.is_dir()):
        found += [done for step in STEPS if (done := read_manifest(iteration / step)) is not None]
    return found
