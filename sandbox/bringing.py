"""What a request brings along: checked before anything is started, then gathered from the run's store and the data here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.contracts import ArtifactStore
from peercycle.core.sandboxing import DataRecord, ExecRequest
from peercycle.sandbox import collect, place
from peercycle.sandbox.fetching import materials
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.variables import check_arguments, check_variables


@dataclass(frozen=True, slots=True)
class Brought:
    """What a program is to find, by its path in the working directory."""

    files: dict[str, bytes]
    """Inputs, and data of the run's own store."""
    lent: dict[str, Path]
    """Data that is kept here and shared between runs: where it lies."""
    stdin: bytes | None
    data: tuple[DataRecord, ...]
    """What the data is, as the result says it."""


def check(request: ExecRequest) -> None:
    """Raise `RefusedRequestError` for what no sandbox can do."""
    check_arguments(request.argv)
    check_variables(request.variables)
    collect.check_patterns(request.outputs)
    materials.check(request.data)
    place.check_paths([*request.files, *(f"data/{item.name}" for item in request.data)])


async def gather(request: ExecRequest, artifacts: ArtifactStore, state: Path, fetch: FetchSettings) -> Brought:
    """Return what a request brings. No network is used.

    Raises `RefusedRequestError` for data that nobody has prepared, `SandboxError` for some that was changed.
    """
    files = {name: await artifacts.get(ref) for name, ref in request.files.items()}
    stored = await materials.stored(request.data, artifacts)
    lent = await asyncio.to_thread(materials.found, request.data, state, fetch)
    return Brought(
        files=files | {path: body for path, (body, _) in stored.items()},
        lent={path: where for path, (where, _) in lent.items()},
        stdin=None if request.stdin is None else await artifacts.get(request.stdin),
        data=tuple(record for _, record in (*stored.values(), *lent.values())),
    )
