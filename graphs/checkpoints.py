"""LangGraph's checkpoints of a run: synchronous, fenced, and of plain types only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from peercycle.core.errors import DamagedRunError, StoreError
from peercycle.core.journal import RunStore

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


@asynccontextmanager
async def open_checkpoints(path: Path, store: RunStore) -> AsyncIterator[FencedSaver]:
    """Open the checkpoints of a run. Raises `DamagedRunError` where SQLite finds the file damaged."""
    import aiosqlite

    target = path / FILE
    try:
        async with aiosqlite.connect(target) as connection:
            # Effects commit with FULL in run.sqlite; on resume the journal wins, so NORMAL is enough here.
            await connection.execute("PRAGMA synchronous=NORMAL")
            async with connection.execute("PRAGMA quick_check") as cursor:
                verdict = await cursor.fetchone()
            if verdict is None or verdict[0] != "ok":
                raise DamagedRunError(_damaged(target, str(verdict)))
            # State is JSON; no type beyond it is ever rebuilt from a row, which may be hostile.
            saver = FencedSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=[]))
            saver.store = store
            await saver.setup()
            target.chmod(0o600)
            yield saver
    except aiosqlite.DatabaseError as error:
        if isinstance(error, aiosqlite.OperationalError):
            raise StoreError(f"cannot use {target}: {error}; is the disk full, or the folder read-only?") from None
        raise DamagedRunError(_damaged(target, str(error))) from None


def _damaged(target: Path, detail: str) -> str:
    return f"{target} is damaged ({detail}); move it away and resume: the journal in run.sqlite answers what was done"
