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
from langgraph.checkpoint.sqlite import SqliteSaver

from peercycle.core.errors import DamagedRunError, StoreError
from peercycle.core.journal import RunStore
from peercycle.graphs.plainrows import PlainRows
from peercycle.store.database import connect_read_only

FILE = "checkpoints.sqlite"

T = TypeVar("T")


class FencedSaver(SqliteSaver):
    """Writes only while this driver holds the run's lease.

    LangGraph's asynchronous saver changes threads for every statement, six times a checkpoint; here the synchronous
    one does each checkpoint whole, in one thread of its own.
    """

    def __init__(self, connection: sqlite3.Connection, store: RunStore, thread: ThreadPoolExecutor) -> None:
        super().__init__(connection, serde=PlainRows())
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


async def check_checkpoints(path: Path) -> None:
    """Read the checkpoints of a run through, changing nothing; where there are none, nothing is amiss.

    Raises `DamagedRunError` for a damaged file, and for a row that is no plain state: it may be hostile.
    """
    await asyncio.to_thread(_check, path / FILE)


def _check(target: Path) -> None:
    if not target.exists():
        return
    rows = PlainRows()
    try:
        connection = connect_read_only(target)
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != ("ok",):
                raise DamagedRunError(_damaged(target, str(verdict[0])))
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkpoints'").fetchone():
                for row in connection.execute(_ALL_ROWS):
                    rows.loads_typed(row)
        finally:
            connection.close()
    except sqlite3.Error as error:
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise StoreError(f"cannot read {str(target)!r}: {error}") from None
        raise DamagedRunError(_damaged(target, str(error))) from None
    except ValueError as error:
        raise DamagedRunError(_damaged(target, str(error))) from None


_ALL_ROWS = "SELECT type, checkpoint FROM checkpoints UNION ALL SELECT type, value FROM writes"


@asynccontextmanager
async def open_checkpoints(path: Path, store: RunStore) -> AsyncIterator[FencedSaver]:
    """Open the checkpoints of a run. Raises `DamagedRunError` where SQLite finds the file damaged."""
    target = path / FILE
    try:
        # The thread ends before its connection closes: a cancelled call may still be writing, and a connection
        # closed under a running statement crashes the process.
        with (
            closing(sqlite3.connect(target, check_same_thread=False)) as connection,
            ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"checkpoints {path.name}") as thread,
        ):
            await asyncio.get_running_loop().run_in_executor(thread, _make_ready, connection, target)
            yield FencedSaver(connection, store, thread)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"cannot use {target}: {error}; is the disk full, or the folder read-only?") from None
        raise DamagedRunError(_damaged(target, str(error))) from None


def _make_ready(connection: sqlite3.Connection, target: Path) -> None:
    # What a tampered schema says must not make SQLite call anything with effects.
    connection.execute("PRAGMA trusted_schema = OFF")
    # Effects commit with FULL in run.sqlite; on resume the journal wins, so NORMAL is enough here.
    connection.execute("PRAGMA synchronous=NORMAL")
    SqliteSaver(connection).setup()
    target.chmod(0o600)


def _damaged(target: Path, detail: str) -> str:
    line = " ".join(detail.split())
    return f"{str(target)!r} is damaged ({line}); move it away and resume: the journal in run.sqlite answers what was done"
