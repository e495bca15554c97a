"""A run is closed whole: by whoever closes it, and only once for all who do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.errors import RunInUseError
from peercycle.core.runs import RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.store.directory import create_run, open_run


def test_a_run_whose_loop_has_ended_is_closed_from_another_thread(
    tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask, in_loop: bool
) -> None:
    async def main() -> None:
        run = await asyncio.to_thread(asyncio.run, create_run(tmp_path, record_for(), task, in_loop=in_loop))
        await run.close()
        await (await open_run(run.path, in_loop=in_loop)).close()

    asyncio.run(main())


class Slow:
    """A connection whose `close` waits to be let go on."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def close(self) -> None:
        self.begun.set()
        assert self.go_on.wait(60)
        self._connection.close()


def test_whoever_closes_a_run_that_is_closing_waits_for_it(
    tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask, in_loop: bool
) -> None:
    async def main() -> None:
        run = await create_run(tmp_path, record_for(), task, in_loop=in_loop)
        slow = Slow(run._commits._connection)
        run._commits._connection = slow  # type: ignore[assignment]
        first = asyncio.create_task(run.close())
        assert await asyncio.to_thread(slow.begun.wait, 60)
        second = asyncio.create_task(run.close())
        for _ in range(20):
            await asyncio.sleep(0)
        try:
            assert not first.done()
            assert not second.done()
            with pytest.raises(RunInUseError):
                await open_run(run.path, in_loop=in_loop)
        finally:
            slow.go_on.set()
        await asyncio.gather(first, second)
        await (await open_run(run.path, in_loop=in_loop)).close()

    asyncio.run(main())
