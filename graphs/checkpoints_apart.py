"""Checkpoints written in a thread of the run's own: for a loop that must never be held up, such as a server's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple

from peercycle.graphs.checkpoints import FencedSaver
from peercycle.store.syncing import fold_log

T = TypeVar("T")


class SaverApart(FencedSaver):
    """A `FencedSaver` whose every statement is made in one thread, one after another."""

    def __init__(self, connection: sqlite3.Connection, fence: int, target: Path) -> None:
        super().__init__(connection, fence, target)
        self._thread = ThreadPoolExecutor(1, "checkpoints")

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, the latest where the configuration names none."""
        return await self._apart(lambda: self.get_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name for it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first."""
        for found in await self._apart(lambda: list(self.list(config, filter=filter, before=before, limit=limit))):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, unless another driver took over."""
        saved: list[RunnableConfig] = []
        put = self.put
        await self._apart(lambda: self._write(lambda: saved.append(put(config, checkpoint, metadata, new_versions))))
        return saved[0]

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote, unless another driver took over."""
        put = self.put_writes
        await self._apart(lambda: self._write(lambda: put(config, writes, task_id, task_path)))

    async def close(self) -> None:
        """Close the file, after what is under way; what a cancelled task still wants to save is refused."""
        self._closed = True
        await self._apart(self.conn.close, closing=True)
        self._thread.shutdown(wait=False)

    def _fold_where_long(self) -> None:
        # Already in a thread that may wait for the disk.
        if (size := self._log_bytes()) is not None and self._growth.is_long(size):
            fold_log(self._target)

    async def _apart(self, work: Callable[[], T], *, closing: bool = False) -> T:
        if not closing:
            self._require_open()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
