"""Checkpoints written in a thread of the run's own: for a loop that must never be held up, such as a server's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from peercycle.graphs.fenced_saver import FencedSaver
from peercycle.store.syncing import fold_log

T = TypeVar("T")


class SaverApart(FencedSaver):
    """A `FencedSaver` whose every statement is made in one thread, one after another."""

    def __init__(self, connection: sqlite3.Connection, fence: int, target: Path) -> None:
        super().__init__(connection, fence, target)
        self._executor = self._thread = ThreadPoolExecutor(1, "checkpoints")

    async def close(self) -> None:
        """Write what was handed in, close the file, also on cancellation, and end the thread."""
        try:
            await super().close()
        finally:
            self._thread.shutdown(wait=False)

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _fold(self) -> None:
        # Already in a thread that may wait for the disk.
        fold_log(self._target)
