"""The bench's journal and artefacts: small, on disk, and true to what the run directory promises."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from peercycle.core.base import JSON, artifact_ref, canonical_json
from peercycle.core.errors import DamagedRunError
from peercycle.core.journal import EffectKey


class BenchJournal:
    """Outcomes by effect key, one JSON line each, flushed to the disk before anybody is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._outcomes: dict[str, dict[str, Any]] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = json.loads(line)
                self._outcomes[entry["key"]] = entry

    def __len__(self) -> int:
        return len(self._outcomes)

    @property
    def keys(self) -> frozenset[str]:
        """The keys that it answers, as `spelled` has them."""
        return frozenset(self._outcomes)

    def get(self, key: EffectKey) -> dict[str, Any] | None:
        """Return an outcome: `result`, or `error_type` and `error_message`."""
        return self._outcomes.get(spelled(key))

    def add(self, key: EffectKey, **outcome: JSON) -> None:
        """Keep an outcome."""
        line = spelled(key)
        entry: dict[str, JSON] = {"key": line, **outcome}
        with self.path.open("ab") as file:
            file.write(canonical_json(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._outcomes[line] = json.loads(canonical_json(entry))


def spelled(key: EffectKey) -> str:
    """Return a key as one line of text."""
    return canonical_json(asdict(key)).decode()


class BenchArtifacts:
    """`ArtifactStore` over a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> str:
        """Store a body."""
        if not isinstance(data, bytes):
            raise TypeError(f"artefact {name!r} is {type(data).__name__}; a body is bytes")
        return self.keep(data)

    def keep(self, data: bytes) -> str:
        """Store a body where nothing can be awaited."""
        ref = artifact_ref(data)
        path = self.path(ref)
        if not path.exists():
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(data)
            temporary.replace(path)
        return ref

    async def get(self, ref: str) -> bytes:
        """Return a body, its hash verified."""
        path = self.path(ref)
        if not path.is_file() or artifact_ref(data := path.read_bytes()) != ref:
            raise DamagedRunError(f"artefact {ref!r} is not in the store, or is damaged")
        return data

    def path(self, ref: str) -> Path:
        """Return where a body lies."""
        return self._folder / ref.replace("sha256:", "")
