"""Data that an experiment reads: verified, and copied to where the program sees it read-only."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

from peercycle.core.contracts import ArtifactStore
from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.sandboxing import DataSpec

KINDS = ("artifact", "path")
"""Kinds of data that the bubblewrap backend takes."""
MAX_BYTES = 2 << 30


def check(specs: Sequence[DataSpec]) -> None:
    """Raise `RefusedRequestError` for data that this backend cannot give a program."""
    for spec in specs:
        if spec.kind not in KINDS:
            raise RefusedRequestError(
                f"data {spec.name!r} is of kind {spec.kind!r}; the sandbox 'bubblewrap' takes {' and '.join(KINDS)}: "
                "fetch it first and name the file"
            )
        if spec.kind == "path" and spec.sha256 is None:
            raise RefusedRequestError(f"data {spec.name!r} is a local path without its hash: set `sha256`")
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise RefusedRequestError(f"two data files have one name: {sorted(names)!r}")


async def body(spec: DataSpec, artifacts: ArtifactStore) -> bytes:
    """Return the bytes, their hash verified. Raises `SandboxError` (missing, changed, over 2 GiB)."""
    if spec.kind == "artifact":
        content = await artifacts.get(spec.source)
    else:
        content = await asyncio.to_thread(_read, spec)
    found = hashlib.sha256(content).hexdigest()
    if spec.sha256 is not None and found != spec.sha256:
        raise SandboxError(f"data {spec.name!r} has changed: sha256 is {found}, and {spec.sha256} was asked for")
    return content


def _read(spec: DataSpec) -> bytes:
    path = Path(spec.source).expanduser()
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SandboxError(f"data {spec.name!r} is larger than 2 GiB: {spec.source!r}")
        return path.read_bytes()
    except OSError as error:
        raise SandboxError(f"data {spec.name!r} cannot be read from {spec.source!r}: {error.strerror}") from error
