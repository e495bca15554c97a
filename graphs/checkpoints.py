"""LangGraph's checkpoints of a run: synchronous, fenced, and of plain types only."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.sqlite import SqliteSaver

from peercycle.core.errors import DamagedRunError, StoreError
from peercycle.graphs.checkpoint_file import FILE, damaged, open_file
from peercycle.graphs.plainrows import PlainRows
from peercycle.store import commits
from peercycle.store.syncing import Growth, fold_log, log_of

LOOK_AT_LOG_EVERY = 64
"""After how many commits to see whether the write-ahead log has become long."""

PENDING_SECONDS = 0.005
"""How long what a task wrote may wait for the checkpoint that follows on it, mostly within a millisecond."""


_Place = tuple[str, str, str | None]
"""A thread, a namespace in it, and a checkpoint there."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What a task wrote, and who waits until it is saved."""

    place: _Place
    save: Callable[[], None]
    saved: asyncio.Future[None]


def _place(config: RunnableConfig) -> _Place:
    at = config.get("configurable", {})
    return at["thread_id"], at["checkpoint_ns"], at.get("checkpoint_id")


class FencedSaver(SqliteSaver):
    """Writes only while this driver's fencing number is the newest: checked in the transaction that writes.

    LangGraph's asynchronous saver changes threads for every statement, six times a checkpoint. Here it is one short
    transaction in the loop's own thread, and the checkpoint that follows on what a task wrote stands for it.
    Nothing waits for the disk in it: SQLite syncs this file only when it folds its log in, and another thread does
    that. So nothing is under way while it is closed.
    """

    def __init__(self, connection: sqlite3.Connection, fence: int, target: Path) -> None:
        super().__init__(connection, serde=PlainRows())
        self.is_setup = True
        self._fence = fence
        self._target = target
        self._closed = False
        self._growth = Growth()
        self._folding: asyncio.Task[None] | None = None
        self._commits = 0
        self._pending: list[_Written] = []
        """What tasks wrote, until a checkpoint is saved or the time is up."""
        self._due: asyncio.TimerHandle | None = None

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, the latest where the configuration names none."""
        self._require_open()
        return self.get_tuple(config)

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
        for found in list(self.list(config, filter=filter, before=before, limit=limit)):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, unless another driver took over.

        What tasks wrote after the checkpoint before is in it: what of that is not on the disk yet never gets there.
        """
        saved: list[RunnableConfig] = []
        self._write(
            lambda: saved.append(self.put(config, checkpoint, metadata, new_versions)), follows=_place(config)
        )
        return saved[0]

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote, unless another driver took over."""
        self._require_open()
        loop = asyncio.get_running_loop()
        if not self._pending:
            self._due = loop.call_later(PENDING_SECONDS, self._write_pending)
        saved: asyncio.Future[None] = loop.create_future()
        save = partial(self.put_writes, config, writes, task_id, task_path)
        self._pending.append(_Written(_place(config), save, saved))
        await saved

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
        """Close the file; what a cancelled task still wants to save is refused."""
        self._closed = True
        self._write_pending()
        if self._folding is not None:
            await asyncio.wait([self._folding])
        # The last connection folds the log in, and waits for the disk.
        await asyncio.to_thread(self.conn.close)

    def _write_pending(self) -> None:
        # What it raises is told to those who wait.
        with suppress(Exception):
            self._write(lambda: None)

    def _write(self, last: Callable[[], object], *, follows: _Place | None = None) -> None:
        """Do what is pending and `last` in one transaction, which all of it shares for better or worse.

        `last` stands for what was written after the checkpoint at `follows`.
        """
        pending, self._pending = self._pending, []
        if self._due is not None:
            self._due.cancel()
            self._due = None
        failure: BaseException | None = None
        try:
            self._require_open()
            commits.begin(self.conn)
            commits.check_fence(self.conn, self._fence, "driver")
            for written in pending:
                if written.place != follows:
                    written.save()
            last()
            self.conn.commit()
        except BaseException as error:
            failure = error
            if not self._closed:
                self.conn.rollback()
            raise
        finally:
            for written in pending:
                if not written.saved.done():
                    written.saved.set_exception(failure) if failure else written.saved.set_result(None)
        self._commits += 1
        if self._commits % LOOK_AT_LOG_EVERY == 0:
            self._fold_where_long()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreError(f"{str(self._target)!r} was closed by this driver; resume the run")

    def _fold_where_long(self) -> None:
        if self._folding is not None and not self._folding.done():
            return
        if (size := self._log_bytes()) is not None and self._growth.is_long(size):
            self._folding = asyncio.create_task(asyncio.to_thread(fold_log, self._target))

    def _log_bytes(self) -> int | None:
        """Return how long the write-ahead log is; None where there is none."""
        log = log_of(self._target)
        return log.stat().st_size if log.exists() else None


@asynccontextmanager
async def open_checkpoints(
    path: Path, fence: int, kind: type[FencedSaver] | None = None
) -> AsyncIterator[FencedSaver]:
    """Open the checkpoints of a run for the driver with this fencing number.

    `kind` says which thread writes them: by default the running loop's, which is quicker than one of their own.
    Raises `LeaseLostError` where this driver is not the newest, `DamagedRunError` where SQLite finds the file damaged.
    """
    target = path / FILE
    try:
        saver = (kind or FencedSaver)(await asyncio.to_thread(open_file, target, fence), fence, target)
        try:
            yield saver
        finally:
            await saver.close()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"cannot use {target}: {error}; is the disk full, or the folder read-only?") from None
        raise DamagedRunError(damaged(target, str(error))) from None
