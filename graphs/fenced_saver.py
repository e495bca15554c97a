"""LangGraph's checkpoints of a run: synchronous, fenced, and of plain types only."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.sqlite import SqliteSaver

from peercycle.core.errors import StoreError
from peercycle.core.outlasting import outlast
from peercycle.graphs.plainrows import PlainRows
from peercycle.store import commits
from peercycle.store.syncing import Growth, log_of

LOOK_AT_LOG_EVERY = 64
"""After how many commits to see whether the write-ahead log has become long."""

T = TypeVar("T")


class FencedSaver(SqliteSaver):
    """Writes only while this driver's fencing number is the newest: checked in the transaction that writes.

    LangGraph's asynchronous saver changes threads for every statement, six times a checkpoint. Here a checkpoint is
    one short transaction; a kind says in which thread (`_do`).
    """

    _executor: Executor | None = None
    """Where the file is closed, which waits for the disk; None: in any thread."""

    def __init__(self, connection: sqlite3.Connection, fence: int, target: Path) -> None:
        super().__init__(connection, serde=PlainRows())
        self.is_setup = True
        self._fence = fence
        self._target = target
        self._closed = False
        self._growth = Growth()
        self._commits = 0

    @abstractmethod
    async def _do(self, work: Callable[[], T]) -> T:
        """Do what uses the connection."""

    @abstractmethod
    def _fold(self) -> None:
        """Bring what the log holds into the file, where waiting for the disk holds nobody up."""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, the latest where the configuration names none."""
        self._require_open()
        return await self._do(lambda: self.get_tuple(config))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name for it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Yield checkpoints, the newest first."""
        self._require_open()
        for found in await self._do(lambda: list(self.list(config, filter=filter, before=before, limit=limit))):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, unless another driver took over."""
        self._require_open()
        return await self._do(lambda: self._write(lambda: self.put(config, checkpoint, metadata, new_versions)))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote, unless another driver took over."""
        self._require_open()
        await self._do(lambda: self._write(lambda: self.put_writes(config, writes, task_id, task_path)))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """Return the version of a channel after `current`, such as `00000007`.

        LangGraph's has 50 characters, most of them there for threads that fork; a run's never does, and every
        checkpoint holds two versions of each channel.
        """
        number = 0 if current is None else int(str(current).partition(".")[0])
        return f"{number + 1:08}"

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        """Yield a cursor; the transaction around it is `_write`'s."""
        with closing(self.conn.cursor()) as cursor:
            yield cursor

    async def close(self) -> None:
        """Write what was handed in, and close the file, also on cancellation; what comes later is refused."""
        self._closed = True
        # The last connection folds the log in, and waits for the disk.
        await outlast(asyncio.get_running_loop().run_in_executor(self._executor, self.conn.close))

    def _write(self, save: Callable[[], T]) -> T:
        """Save in one transaction."""
        try:
            commits.begin(self.conn)
            commits.check_fence(self.conn, self._fence, "driver")
            saved = save()
            self.conn.commit()
        except BaseException:
            self.conn.rollback()
            raise
        self._commits += 1
        if self._commits % LOOK_AT_LOG_EVERY == 0 and self._log_is_long():
            self._fold()
        return saved

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"{str(self._target)!r} was closed by this driver; resume the run")

    def _log_is_long(self) -> bool:
        log = log_of(self._target)
        return log.exists() and self._growth.is_long(log.stat().st_size)
