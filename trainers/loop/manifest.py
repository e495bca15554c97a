"""What a step leaves: proof that it is done, and of what; a killed loop goes on behind the last one."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from peercycle.core.base import JSON, Record, canonical_json
from peercycle.core.complaints import complaint_of
from peercycle.core.errors import DamagedRunError, FingerprintError
from peercycle.store.disk import disk_errors, replace_file
from peercycle.store.policies import file_sha256

FILE = "manifest.json"
PACKAGES = ("peercycle", "torch", "transformers", "trl", "peft")

StepName = Literal["sample", "review", "reward", "pair", "train", "export", "evaluate", "promote"]
STEPS: tuple[StepName, ...] = ("sample", "review", "reward", "pair", "train", "export", "evaluate", "promote")


class Manifest(Record):
    """`manifest.json` of a step: written last, as a whole."""

    step: StepName
    iteration: int
    inputs: dict[str, str]
    """SHA-256 of what it worked on, by name."""
    outputs: dict[str, str]
    """SHA-256 of the files that it made, by path relative to the step's folder."""
    settings: dict[str, JSON] = {}
    versions: dict[str, str] = {}
    tokens: dict[str, int] = {}
    """`prompt`, `sampled`, `trained`: what the step went through."""
    seconds: float = 0.0
    """Wall clock of the try that ended."""
    figures: dict[str, JSON] = {}
    """What the step found, for the account."""


@dataclass(slots=True)
class Done:
    """What a step's work came to."""

    outputs: tuple[str, ...] = ()
    """Paths relative to the step's folder."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, JSON] = field(default_factory=dict)


class Told:
    """Hears when a step begins, and what it came to; this one keeps it to itself."""

    def begun(self, step: StepName, iteration: int) -> None:
        """A step is not done, and begins."""

    def done(self, manifest: Manifest, *, fresh: bool) -> None:
        """A step is done; `fresh` where it was done just now, and not before a kill."""


def perform(
    folder: Path,
    step: StepName,
    iteration: int,
    inputs: Mapping[str, str],
    settings: Mapping[str, JSON],
    work: Callable[[Path], Done],
    told: Told,
) -> Manifest:
    """Do a step, unless its manifest says that it is done, and return the manifest.

    Raises `FingerprintError` where it was done of something else, `DamagedRunError` where what it made has changed.
    """
    done = read_manifest(folder)
    if done is not None:
        _require_same(folder, done, inputs, settings)
        verify_outputs(folder, done)
        told.done(done, fresh=False)
        return done
    told.begun(step, iteration)
    with disk_errors("make", folder):
        folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    found = work(folder)
    manifest = Manifest(
        step=step,
        iteration=iteration,
        inputs=dict(inputs),
        outputs={name: file_sha256(folder / name) for name in sorted(found.outputs)},
        settings=dict(settings),
        versions=versions(),
        tokens=dict(found.tokens),
        seconds=round(time.monotonic() - began, 3),
        figures=dict(found.figures),
    )
    write_json(folder / FILE, manifest.model_dump(mode="json"))
    told.done(manifest, fresh=True)
    return manifest


def read_manifest(folder: Path) -> Manifest | None:
    """Return a step's manifest, None where the step is not done. Raises `DamagedRunError`."""
    return read_json(folder / FILE, Manifest, "manifest")


def verify_outputs(folder: Path, manifest: Manifest) -> None:
    """Raise `DamagedRunError` where a file that the step made is missing or other than it was."""
    for name, digest in manifest.outputs.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != digest:
            what = "is not what the step wrote" if path.is_file() else "is missing"
            raise DamagedRunError(f"{str(path)!r} {what}; remove {str(folder)!r} to have the step done again")


def _require_same(folder: Path, done: Manifest, inputs: Mapping[str, str], settings: Mapping[str, JSON]) -> None:
    changed = [
        f"input {name!r}" for name in sorted({*done.inputs, *inputs}) if done.inputs.get(name) != inputs.get(name)
    ]
    changed += [
        f"setting {name!r}"
        for name in sorted({*done.settings, *settings})
        if canonical_json(done.settings.get(name)) != canonical_json(settings.get(name))
    ]
    if changed:
        raise FingerprintError(
            f"step {done.step!r} of iteration {done.iteration} was done with another {', '.join(changed)}; "
            f"go back to what it was, or begin a loop of another name (or remove {str(folder)!r} and what follows it)"
        )


R = TypeVar("R", bound=Record)


def read_json(path: Path, kind: type[R], what: str) -> R | None:
    """Read a record, None where there is no file. Raises `DamagedRunError`, which says that it is no `what`."""
    with disk_errors("read", path):
        if not path.is_file():
            return None
        text = path.read_bytes()
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise DamagedRunError(f"{str(path)!r} is no {what}: {complaint_of(error.errors()[0])}") from None


def write_json(path: Path, value: JSON) -> None:
    """Replace a JSON file as a whole, for people to read too."""
    replace_file(path, f"{json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False)}\n".encode())


def write_lines(path: Path, rows: list[dict[str, JSON]]) -> None:
    """Replace a file of JSON lines as a whole; equal rows give equal bytes."""
    replace_file(path, b"".join(canonical_json(row) + b"\n" for row in rows))


def read_lines(path: Path) -> list[dict[str, JSON]]:
    """Read JSON lines. Raises `DamagedRunError`."""
    with disk_errors("read", path):
        text = path.read_text(encoding="utf-8")
    try:
        return [json.loads(line) for line in text.splitlines() if line]
    except ValueError as error:
        raise DamagedRunError(f"{str(path)!r} is not JSON lines: {error}") from None


def versions() -> dict[str, str]:
    """Return the versions of what decides the figures; a package that is absent is left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
