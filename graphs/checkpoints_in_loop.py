"""Checkpoints written in the running loop's own thread, which is quickest: for a loop that is the driver's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata

from peercycle.core.outlasting import outlast
from peercycle.graphs.fenced_saver import FencedSaver
from peercycle.store.syncing import fold_log

PENDING_SECONDS = 0.005
"""How long what a task wrote may wait for the checkpoint that follows on it, mostly within a millisecond."""

T = TypeVar("T")

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


class SaverInLoop(FencedSaver):
    """A `FencedSaver` in the loop's thread, in which the checkpoint that follows on what a task wrote stands for it.

    Nothing waits for the disk in it: SQLite syncs this file only when it folds its log in, and another thread does
    that. So no statement is under way while it is closed.
    """

    def __init__(self, connection: sqlite3.Connection, fence: int, target: Path) -> None:
        super().__init__(connection, fence, target)
        self._folding: asyncio.Future[None] | None = None
        self._pending: list[_Written] = []
        """What tasks wrote, until a checkpoint is saved or the time is up."""
        self._due: asyncio.TimerHandle | None = None

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
        self._require_open()
        put = partial(self.put, config, checkpoint, metadata, new_versions)
        return self._write_pending(put, follows=_place(config))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save what a task wrote, unless another driver took over."""
        self._require_open()
        loop = asyncio.get_running_loop()
        if not self._pending:
            self._due = loop.call_later(PENDING_SECONDS, self._time_is_up)
        saved: asyncio.Future[None] = loop.create_future()
        save = partial(self.put_writes, config, writes, task_id, task_path)
        self._pending.append(_Written(_place(config), save, saved))
        await saved

    async def close(self) -> None:
        """Write what was handed in, and close the file, also on cancellation; what comes later is refused."""
        if self._pending:
            self._time_is_up()
        self._closed = True
        try:
            if self._folding is not None:
                await outlast(self._folding)
        finally:
            await super().close()

    async def _do(self, work: Callable[[], T]) -> T:
        return work()

    def _fold(self) -> None:
        if self._folding is None or self._folding.done():
            self._folding = asyncio.get_running_loop().run_in_executor(None, fold_log, self._target)

    def _time_is_up(self) -> None:
        # What it raises is told to those who wait.
        with suppress(Exception):
            self._write_pending(lambda: None)

    def _write_pending(self, last: Callable[[], T], *, follows: _Place | None = None) -> T:
        """Save what is pending and `last` in one transaction, which all of it shares for better or worse.

        `last` stands for what was written after the checkpoint at `follows`.
        """
        pending, self._pending = self._pending, []
        if self._due is not None:
            self._due.cancel()
            self._due = None

        def save() -> T:
            for written in pending:
                if written.place != follows:
                    written.save()
            return last()

        failure: BaseException | None = None
        try:
            return self._write(save)
        except BaseException as error:
            failure = error
            raise
        finally:
            for written in pending:
                if not written.saved.done():
                    written.saved.set_exception(failure) if failure else written.saved.set_result(None)
