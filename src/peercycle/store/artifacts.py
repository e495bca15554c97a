"""The artifact store of a run: bodies named by their hash, each whole or absent."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from peercycle.core.base import artifact_ref
from peercycle.core.errors import DamagedRunError, StoreError, UsageError
from peercycle.store.bodies import plain_text
from peercycle.store.disk import DIRECTORY_MODE, disk_errors, publish, sync_directory

ARTIFACTS = "artifacts"
Register = Callable[[str, int, str, str], Awaitable[None]]
"""Called with reference, size, media type and name once a body is on the disk."""

_REF = re.compile(r"sha256:([0-9a-f]{64})")


class FileArtifactStore:
    """Bodies under `artifacts/`, spread by the first two digits of their hash; see `ArtifactStore`."""

    def __init__(self, directory: Path, register: Register | None = None) -> None:
        self._directory = directory
        self._register = register
        self._known: set[str] = set()
        self._numbers = itertools.count()

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> str:
        """Store a body and return its reference; a body that is there already is checked once, not written.

        Raises `StoreError` where the disk refuses, or where the run is open for reading only.
        """
        if self._register is None:
            raise StoreError(f"run {self._directory.parent.name!r} is open for reading only; nothing was stored")
        ref = await asyncio.to_thread(self.write, data)
        await self._register(ref, len(data), media_type, name)
        return ref

    async def get(self, ref: str) -> bytes:
        """Return a body, its hash verified. Raises `DamagedRunError` (missing, or other bytes)."""
        return await asyncio.to_thread(self.load, ref)

    def path(self, ref: str) -> Path:
        """Return where a body lies; it may not exist. Raises `UsageError` for what is no reference."""
        match = _REF.fullmatch(ref)
        if match is None:
            raise UsageError(f"{ref!r} is no artefact reference; one is `sha256:` and 64 hexadecimal digits")
        digits = match.group(1)
        return self._directory / digits[:2] / digits

    def write(self, data: bytes) -> str:
        """Put a body on the disk and return its reference, without a row for it. Raises `StoreError`."""
        ref = artifact_ref(data)
        self._store(ref, data)
        return ref

    def sweep(self) -> None:
        """Remove what a killed writer left unfinished. Only for the run's one driver."""
        shutil.rmtree(self._directory / "tmp", ignore_errors=True)

    def _store(self, ref: str, data: bytes) -> None:
        path = self.path(ref)
        if self._is_there(ref, path, data):
            return
        with disk_errors("store an artefact at", path):
            for folder in (self._directory, path.parent, self._directory / "tmp"):
                if not folder.is_dir():
                    folder.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
                    sync_directory(folder.parent)
            publish(self._directory / "tmp" / f"{os.getpid()}-{next(self._numbers)}", path, data)
        self._known.add(ref)

    def _is_there(self, ref: str, path: Path, data: bytes) -> bool:
        try:
            if path.stat().st_size != len(data):
                return False
            if ref not in self._known and path.read_bytes() != data:
                return False
        except OSError:
            return False
        self._known.add(ref)
        return True

    def load(self, ref: str) -> bytes:
        """Return a body, its hash verified; `get` for who has no event loop. Raises `DamagedRunError`."""
        path = self.path(ref)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise DamagedRunError(
                f"artefact {ref} is missing at {str(path)!r}; restore the run from a copy"
            ) from None
        except OSError as error:
            raise StoreError(f"cannot read artefact {str(path)!r}: {error.strerror}") from error
        if artifact_ref(data) != ref:
            raise DamagedRunError(
                f"artefact {str(path)!r} holds other bytes than were stored; restore it from a copy"
            )
        return data


def register_artifact(connection: sqlite3.Connection, ref: str, size: int, media_type: str, name: str) -> None:
    """Note a stored body under a name; a second note of the two changes nothing."""
    connection.execute(
        "INSERT INTO artifacts (ref, name, size, media_type, created_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (ref, name) DO NOTHING",
        (ref, plain_text(name), size, media_type, time.time()),
    )
