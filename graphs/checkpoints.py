"""Opening the checkpoints of a run for one driver, and closing them whatever comes in between."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from peercycle.core.errors import DamagedRunError, StoreError
from peercycle.core.outlasting import outlast
from peercycle.graphs.checkpoint_file import FILE, damaged, open_file
from peercycle.graphs.checkpoints_apart import SaverApart
from peercycle.graphs.checkpoints_in_loop import SaverInLoop
from peercycle.graphs.fenced_saver import FencedSaver


@asynccontextmanager
async def open_checkpoints(path: Path, fence: int, *, in_loop: bool) -> AsyncIterator[FencedSaver]:
    """Open the checkpoints of a run for the driver with this fencing number.

    `in_loop`: write them in the running loop's thread, which is quicker; else in one of their own. A cancellation
    leaves nothing open. Raises `LeaseLostError` where this driver is not the newest, `DamagedRunError` where SQLite
    finds the file damaged.
    """
    target = path / FILE
    try:
        connection = await _opened(target, fence)
        saver = (SaverInLoop if in_loop else SaverApart)(connection, fence, target)
        try:
            yield saver
        finally:
            await saver.close()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"cannot use {target}: {error}; is the disk full, or the folder read-only?") from None
        raise DamagedRunError(damaged(target, str(error))) from None


async def _opened(target: Path, fence: int) -> sqlite3.Connection:
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(None, open_file, target, fence)
    try:
        return await outlast(opening)
    except asyncio.CancelledError:
        if not opening.cancelled() and opening.exception() is None:
            await outlast(loop.run_in_executor(None, opening.result().close))
        raise
