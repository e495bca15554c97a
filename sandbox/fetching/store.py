"""Data by the hash of its bytes: fetched once, shared between runs, and never changed."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from peercycle.core.base import canonical_json, sha256_hex
from peercycle.core.errors import PeercycleError, SandboxError
from peercycle.core.sandboxing import DataRecord, DataSpec
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.place import remove_tree
from peercycle.sandbox.tree_digest import tree_digest

FOLDER = "data"


class DataStore:
    """A folder of bodies, files or trees, by their SHA-256, and of records that say what each was asked for as."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER
        self.bodies = self.folder / "by-sha256"
        self.records = self.folder / "records"

    def find(self, spec: DataSpec) -> DataRecord | None:
        """Return what is known of data, where it is here; licence and name are the asker's."""
        if spec.kind in ("path", "url"):
            body = self.bodies / str(spec.sha256)
            if not body.is_file():
                return None
            return DataRecord(
                name=spec.name, kind=spec.kind, source=spec.source, sha256=str(spec.sha256),
                size=body.stat().st_size, licence=spec.licence,
            )  # fmt: skip
        try:
            found = DataRecord.model_validate_json((self.records / f"{_key(spec)}.json").read_text())
        except (OSError, ValidationError):
            return None
        if not (self.bodies / found.sha256).exists():
            return None
        return found.model_copy(update={"name": spec.name, "licence": spec.licence or found.licence})

    def path(self, record: DataRecord) -> Path:
        """Return where data lies, its bytes verified once per process. Raises `SandboxError` where it was changed."""
        body = self.bodies / record.sha256
        try:
            status = body.stat()
        except OSError as error:
            raise SandboxError(f"data {record.name!r} is gone from {str(self.bodies)!r}: prepare it again") from error
        if not _verified(body, status.st_ino, status.st_mtime_ns, status.st_size):
            raise SandboxError(
                f"data {record.name!r} in {str(body)!r} has been changed: remove it, and prepare again"
            )
        return body

    def add(self, spec: DataSpec, fetch: Callable[[Path], DataRecord], settings: FetchSettings) -> DataRecord:
        """Fetch data into its place; two who want the same wait for each other."""
        try:
            with self._lock(_key(spec)):
                if (found := self.find(spec)) is not None:
                    return found
                return self._added(spec, fetch, settings)
        except PeercycleError:
            # An outage is an OSError too, and none of this folder's.
            raise
        except OSError as error:
            raise SandboxError(f"cannot keep data in {str(self.folder)!r}: {error}") from error

    def _added(self, spec: DataSpec, fetch: Callable[[Path], DataRecord], settings: FetchSettings) -> DataRecord:
        fresh = self.folder / f".new-{uuid.uuid4().hex}"
        try:
            record = fetch(fresh)
            held = sum(entry.stat().st_size for entry in self.bodies.rglob("*") if entry.is_file())
            if held + record.size > settings.total_mb << 20:
                raise SandboxError(
                    f"with data {spec.name!r} more than `fetch.total_mb` = {settings.total_mb} MB would be kept in "
                    f"{str(self.bodies)!r}: remove some, or raise it"
                )
            _close(fresh)
            target = self.bodies / record.sha256
            if not target.exists():
                fresh.rename(target)
            note = self.records / f".new-{uuid.uuid4().hex}"
            note.write_text(record.model_dump_json())
            note.rename(self.records / f"{_key(spec)}.json")
            return record
        finally:
            if fresh.exists():
                remove_tree(fresh)

    @contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        for folder in (self.folder, self.bodies, self.records):
            folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                folder.chmod(0o755)
        if os.geteuid() == 0 and self.folder.parent.stat().st_uid == 0:
            self.folder.parent.chmod(self.folder.parent.stat().st_mode | 0o011)
        with (self.folder / f".{key}.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield


def _key(spec: DataSpec) -> str:
    return sha256_hex(canonical_json([spec.kind, spec.source, spec.sha256, spec.revision]))[:40]


def _close(body: Path) -> None:
    """Let everybody read what was fetched, and nobody write it; and have it on the disk before it has its name."""
    files = [body] if body.is_file() else [entry for entry in body.rglob("*") if entry.is_file()]
    for file in files:
        file.chmod(0o444)
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    for folder in [body, *body.rglob("*")] if body.is_dir() else []:
        if folder.is_dir():
            folder.chmod(0o755)


@functools.lru_cache(maxsize=1024)
def _verified(body: Path, _inode: int, _modified: int, _size: int) -> bool:
    return digest_of(body) == body.name


def digest_of(body: Path) -> str:
    """Return the SHA-256 of a file, or of a tree's names and contents."""
    if body.is_dir():
        return tree_digest(body)
    with body.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def copied(source: Path, target: Path, most: int) -> int:
    """Copy a local file, and return its size. Raises `OSError`; one that is too large is not copied."""
    with source.open("rb") as reader, target.open("xb") as writer:
        size = os.fstat(reader.fileno()).st_size
        if size > most:
            raise OSError(f"{size} bytes are over `fetch.max_mb` = {most >> 20}")
        shutil.copyfileobj(reader, writer, 1 << 20)
    return size
