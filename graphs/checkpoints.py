"""LangGraph's checkpoints of a run: synchronous, fenced, and of plain types only."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from peercycle.core.errors import DamagedRunError, StoreError
from peercycle.core.journal import RunStore

FILE = "checkpoints.sqlite"

T = TypeVar("T")


class FencedSaver(SqliteSaver):
    """Writes only while this driver holds the run's lease.

    LangGraph's asynchronous saver changes threads for every statement, six times a checkpoint; here the synchronous
    one does each checkpoint whole, in one thread of its own.
    """

    def __init__(self, connection: sqlite3.Connection, store: RunStore, thread: ThreadPoolExecutor) -> None:
        # State is JSON; no type beyond it is ever rebuilt from a row, which may be hostile.
        super().__init__(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=[]))
        self._store = store
        self._thread = thread

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, the latest where the configuration names none."""
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
        await self._store.check_lease()
        return await self._do(lambda: self.put(config, checkpoint, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote, unless another driver took over."""
        await self._store.check_lease()
        await self._do(lambda: self.put_writes(config, writes, task_id, task_path))

    async def _do(self, work: Callable[[], T]) -> T:
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: context.run(work))


@asynccontextmanager
async def open_checkpoints(path: Path, store: RunStore) -> AsyncIterator[FencedSaver]:
    """Open the checkpoints of a run. Raises `DamagedRunError` where SQLite finds the file damaged."""
    target = path / FILE
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"checkpoints {path.name}") as thread:
        try:
            with closing(sqlite3.connect(target, check_same_thread=False)) as connection:
                await asyncio.get_running_loop().run_in_executor(thread, _make_ready, connection, target)
                saver = FencedSaver(connection, store, thread)
                yield saver
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise StoreError(
                    f"cannot use {target}: {error}; is the disk full, or the folder read-only?"
                ) from None
            raise DamagedRunError(_damaged(target, str(error))) from None


def _make_ready(connection: sqlite3.Connection, target: Path) -> None:
    # Effects commit with FULL in run.sqlite; on resume the journal wins, so NORMAL is enough here.
    connection.execute("PRAGMA synchronous=NORMAL")
    verdict = connection.execute("PRAGMA quick_check").fetchone()
    if verdict is None or verdict[0] != "ok":
        raise DamagedRunError(_damaged(target, str(verdict)))
    SqliteSaver(connection).setup()
    target.chmod(0o600)


def _damaged(target: Path, detail: str) -> str:
    return f"{target} is damaged ({detail}); move it away and resume: the journal in run.sqlite answers what was done"
