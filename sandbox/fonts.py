"""Letting matplotlib list its fonts once for an environment, instead of in every execution (about a second each).

It runs in the sandbox as any program does: what was installed is somebody's code, and none of it runs outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from peercycle.core.errors import PeercycleError, SandboxError
from peercycle.core.sandboxing import ExecRequest, Limits

if TYPE_CHECKING:
    from peercycle.sandbox.settings import BubblewrapSettings

FOLDER = "matplotlib"
"""In an environment: what is put where matplotlib looks for its settings."""
REQUEST = ExecRequest(
    argv=("python", "-c", "import os, matplotlib.font_manager; os.umask(0o022)"),
    variables={"MPLCONFIGDIR": "/work/fonts"},
    outputs=("fonts/fontlist-*.json",),
    limits=Limits(wall_s=120, memory_mb=1024, disk_mb=32, files=100),
    requires=frozenset(),
)
_NAME = re.compile(r"fonts/(fontlist-v[0-9.]{1,20}\.json)")


def in_bubblewrap(settings: BubblewrapSettings, fresh: Path, binds: tuple[tuple[Path, str], ...]) -> None:
    """List the fonts for an environment that is being made. Where that fails, programs do without the list."""
    from peercycle.sandbox import execution
    from peercycle.sandbox.environments import Built

    bodies, built = _Bodies(), Built(binds)
    with contextlib.suppress(PeercycleError):
        result = asyncio.run(execution.execute_on(settings, frozenset(), REQUEST, built, bodies))
        keep(fresh, {each.path: bodies.held[each.artifact] for each in result.outputs})


def keep(fresh: Path, bodies: Mapping[str, bytes]) -> None:
    """Put what is a font list, and nothing else, into an environment."""
    for path, body in bodies.items():
        named = _NAME.fullmatch(path)
        if named is None:
            continue
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            continue
        (fresh / FOLDER).mkdir(mode=0o755, exist_ok=True)
        (fresh / FOLDER / named.group(1)).write_bytes(body)


class _Bodies:
    """Outputs, in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def put(self, data: bytes, *, media_type: str = "", name: str = "") -> str:
        from peercycle.core.base import artifact_ref

        ref = artifact_ref(data)
        self.held[ref] = data
        return ref

    async def get(self, ref: str) -> bytes:
        raise SandboxError("there are no inputs")

    def path(self, ref: str) -> Path:
        raise SandboxError("kept in memory")
