"""The registry of trained policies: a folder each, its record beside its weights.

```
policies/NAME/  policy.json          a `PolicyCheckpoint`; `weights` is relative to it
                model.safetensors …  the weights, with the model's configuration and its tokenizer beside them
```

A record may name weights of another policy of the same registry (`../NAME-003/model.safetensors`): so a loop's best
policy has a name of its own without a second copy.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from peercycle.core.complaints import complaint_of
from peercycle.core.errors import DamagedRunError, StoreError, UnknownNameError, UsageError
from peercycle.core.training import PolicyCheckpoint
from peercycle.store.disk import disk_errors, replace_file, sync_directory

RECORD_FILE = "policy.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LARGEST_RECORD = 1 << 20
_hashing = threading.Lock()
"""Runs that begin together wait for one hash of their weights, and do not all make it."""


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A trained policy as it lies in a registry, its weights verified."""

    name: str
    record: PolicyCheckpoint
    weights: Path

    @property
    def model(self) -> Path:
        """The folder that an engine loads: weights, configuration, tokenizer."""
        return self.weights.parent

    @property
    def identity(self) -> str:
        """What it is, for fingerprints: `NAME@sha256 of its weights`."""
        return f"{self.name}@{self.record.weights_sha256}"


def list_policies(policies_dir: Path) -> tuple[str, ...]:
    """Return the names in a registry, sorted; an absent folder has none."""
    with disk_errors("list", policies_dir):
        try:
            found = [path.name for path in policies_dir.iterdir() if (path / RECORD_FILE).is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return ()
    return tuple(sorted(name for name in found if _NAME.fullmatch(name)))


def find_policy(policies_dir: Path, name: str) -> StoredPolicy:
    """Return a trained policy by its name, its weights' hash verified.

    Raises `UnknownNameError` naming the nearest ones; `DamagedRunError` for a record that is none, for weights that
    are missing or other than the record says, and for a path that leads out of the registry.
    """
    if not _NAME.fullmatch(name) or not (policies_dir / name / RECORD_FILE).is_file():
        names = list_policies(policies_dir)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[-3:]
        hint = f"; nearest: {', '.join(map(repr, near))}" if near else ""
        raise UnknownNameError(f"no trained policy is called {name!r} in {str(policies_dir)!r}{hint}")
    return open_policy(policies_dir / name, policies_dir)


def open_policy(folder: Path, registry: Path | None = None) -> StoredPolicy:
    """Return the policy in a folder, its weights' hash verified; they lie in the folder, or in the registry."""
    record = read_policy(folder)
    weights = (folder / record.weights).resolve()
    if not weights.is_relative_to((registry or folder).resolve()):
        raise DamagedRunError(f"{str(folder / RECORD_FILE)!r} names weights at {record.weights!r}, outside its place")
    with disk_errors("read", weights):
        if not weights.is_file():
            raise DamagedRunError(f"the weights of {folder.name!r} are missing: there is no {str(weights)!r}")
        found = weights.stat()
        with _hashing:
            digest = _digest(str(weights), found.st_size, found.st_mtime_ns)
    if digest != record.weights_sha256:
        again = ""
        if registry is not None:
            place = str(registry / weights.parent.name)
            again = f"; where the loop that trained them is still there, remove {place!r} and run it again"
        raise DamagedRunError(
            f"the weights of {folder.name!r} are not those of its record "
            f"(sha256 {digest[:12]}…, expected {record.weights_sha256[:12]}…); restore them from a copy{again}"
        )
    return StoredPolicy(folder.name, record, weights)


def read_policy(folder: Path) -> PolicyCheckpoint:
    """Read a record. Raises `DamagedRunError` naming the file and what is wrong with it."""
    path = folder / RECORD_FILE
    with disk_errors("read", path):
        if not path.is_file():
            raise DamagedRunError(f"{str(path)!r} is missing")
        if path.stat().st_size > _LARGEST_RECORD:
            raise DamagedRunError(f"{str(path)!r} is no policy record: it is larger than {_LARGEST_RECORD} bytes")
        text = path.read_bytes()
    try:
        return PolicyCheckpoint.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedRunError(f"{str(path)!r} is no policy record: {where}: {complaint_of(first)}") from None


def write_policy(folder: Path, record: PolicyCheckpoint) -> None:
    """Write a record as a whole, for people to read too."""
    with disk_errors("make", folder):
        folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=True, allow_nan=False)
    replace_file(folder / RECORD_FILE, f"{text}\n".encode())


def keep_policy(policies_dir: Path, record: PolicyCheckpoint, source: Path) -> StoredPolicy:
    """Put a policy with everything beside its weights into the registry, whole or not at all.

    `record.weights` is relative to `source`. Files are linked where the disk allows it, else copied. A policy of the
    same name and the same weights is left as it is; one with other weights is an error.
    """
    name = require_name(record.name)
    place = policies_dir / name
    if (place / RECORD_FILE).is_file():
        there = find_policy(policies_dir, name)
        if there.record.weights_sha256 != record.weights_sha256:
            raise UsageError(f"the registry has another policy {name!r}; remove {str(place)!r}, or rename this one")
        write_policy(place, record)
        return find_policy(policies_dir, name)
    aside = policies_dir / f".new-{name}-{os.getpid()}"
    folder = (source / record.weights).parent
    with disk_errors("keep a policy at", place):
        for left in policies_dir.glob(f".new-{name}-*"):
            # Of a process that was killed: a name is given by one loop, which one process drives.
            if left.name.removeprefix(f".new-{name}-").isdigit():
                shutil.rmtree(left, ignore_errors=True)
        aside.mkdir(parents=True)
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith(".") and path.name != RECORD_FILE:
                _link(path, aside / path.name)
        write_policy(aside, record.model_copy(update={"weights": Path(record.weights).name}))
        aside.rename(place)
        sync_directory(policies_dir)
    return find_policy(policies_dir, name)


def add_metrics(policies_dir: Path, name: str, metrics: Mapping[str, float]) -> StoredPolicy:
    """Write held-out metrics into a policy's record, beside those that are there."""
    record = read_policy(policies_dir / require_name(name))
    write_policy(policies_dir / name, record.model_copy(update={"metrics": {**record.metrics, **metrics}}))
    return find_policy(policies_dir, name)


def name_policy(policies_dir: Path, name: str, stored: StoredPolicy) -> StoredPolicy:
    """Give a policy of the registry a second name; the name then means this one, whatever it meant before."""
    folder = policies_dir / require_name(name)
    if (folder / RECORD_FILE).is_file() and not read_policy(folder).weights.startswith("../"):
        raise UsageError(
            f"{str(folder)!r} holds a policy of its own, and cannot become a second name of {stored.name!r}"
        )
    record = stored.record.model_copy(update={"name": name, "weights": f"../{stored.name}/{stored.weights.name}"})
    write_policy(folder, record)
    return find_policy(policies_dir, name)


def require_name(name: str) -> str:
    """Return a policy's name. Raises `UsageError` for one that is no name of a folder."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"policy name {name!r} is not letters, digits, '.', '_' and '-', 100 at most")
    return name


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with disk_errors("read", path), path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _digest(path: str, size: int, modified_ns: int) -> str:
    # Many runs of a process use one policy; its weights may be large, and are read again only when they changed.
    del size, modified_ns
    return file_sha256(Path(path))


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError as error:
        if not source.is_file():
            raise StoreError(f"cannot keep {str(source)!r}: {error.strerror}") from error
        shutil.copyfile(source, target)
