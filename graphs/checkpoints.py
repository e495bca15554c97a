"""LangGraph's checkpoints of a run: synchronous, fenced, and of plain types only."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from peercycle.core.errors import DamagedRunError, StoreError
from peercycle.core.journal import RunStore
from peercycle.graphs.plainrows import PlainRows
from peercycle.store.database import connect_read_only

FILE = "checkpoints.sqlite"


class FencedSaver(AsyncSqliteSaver):
    """Writes only while this driver holds the run's lease."""

    store: RunStore

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, unless another driver took over."""
        await self.store.check_lease()
        return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote, unless another driver took over."""
        await self.store.check_lease()
        await super().aput_writes(config, writes, task_id, task_path)


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
    import aiosqlite

    target = path / FILE
    try:
        async with aiosqlite.connect(target) as connection:
            # What a tampered schema says must not make SQLite call anything with effects.
            await connection.execute("PRAGMA trusted_schema = OFF")
            # Effects commit with FULL in run.sqlite; on resume the journal wins, so NORMAL is enough here.
            await connection.execute("PRAGMA synchronous=NORMAL")
            saver = FencedSaver(connection, serde=PlainRows())
            saver.store = store
            await saver.setup()
            target.chmod(0o600)
            yield saver
    except aiosqlite.DatabaseError as error:
        if isinstance(error, aiosqlite.OperationalError):
            raise StoreError(
                f"cannot use {str(target)!r}: {error}; is the disk full, or the folder read-only?"
            ) from None
        raise DamagedRunError(_damaged(target, str(error))) from None


def _damaged(target: Path, detail: str) -> str:
    line = " ".join(detail.split())
    return f"{str(target)!r} is damaged ({line}); move it away and resume: the journal in run.sqlite answers what was done"
