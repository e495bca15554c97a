"""Wheels by the hash of their bytes: downloaded once, checked against a lock, and installed from there offline."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path

from peercycle.core.errors import SandboxError

FOLDER = "wheels"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class WheelStore:
    """A folder of wheels, each in a folder named after its SHA-256, so that pip finds only those that a lock names."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER

    def of(self, lock: str) -> list[Path]:
        """Return the folders that hold wheels of a lock; pip checks their bytes again as it installs."""
        return [place for digest in sorted(set(_HASH.findall(lock))) if (place := self.folder / digest).is_dir()]

    def take(self, downloaded: Path, most: int) -> None:
        """Move downloaded wheels into their places. Raises `SandboxError` for more bytes than allowed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        wheels = [entry for entry in sorted(downloaded.iterdir()) if entry.suffix == ".whl" and entry.is_file()]
        total = sum(wheel.stat().st_size for wheel in wheels)
        if total > most:
            raise SandboxError(f"its wheels hold {total} bytes, over `fetch.max_mb` = {most >> 20}")
        for wheel in wheels:
            with wheel.open("rb") as body:
                digest = hashlib.file_digest(body, "sha256").hexdigest()
            fresh = self.folder / f".new-{uuid.uuid4().hex}"
            fresh.mkdir(mode=0o755)
            wheel.rename(fresh / wheel.name)
            try:
                fresh.rename(self.folder / digest)
            except OSError:
                # Another builder was first.
                (fresh / wheel.name).unlink()
                fresh.rmdir()


def size_of(folder: Path) -> int:
    """Return the bytes below a folder that is still being written."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:
                continue
    return total
