"""A run is closed whole: by whoever closes it, and only once for all who do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from peercycle.core.runs import RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.store.directory import create_run, open_run


def test_a_run_whose_loop_has_ended_is_closed_from_another_thread(
    tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask, in_loop: bool
) -> None:
    async def main() -> None:
        run = await asyncio.to_thread(asyncio.run, create_run(tmp_path, record_for(), task, in_loop=in_loop))
        await run.close()
        again = await open_run(run.path, in_loop=in_loop)
        await again.close()

    asyncio.run(main())
