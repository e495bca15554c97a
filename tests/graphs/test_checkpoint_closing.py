"""A checkpoint's connection outlives whatever still writes through it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from peercycle.graphs.checkpoints import open_checkpoints


class Lease:
    """A store whose lease is always held."""

    async def check_lease(self) -> None:
        return None


def test_a_cancelled_write_ends_before_the_connection_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), []

    async def cancel_a_write() -> None:
        store: Any = Lease()
        async with open_checkpoints(tmp_path, store) as saver:
            real_put = saver.put

            def slow_put(*arguments: Any) -> Any:
                begun.set()
                threading.Event().wait(0.2)
                ended.append(real_put(*arguments))
                return ended[-1]

            monkeypatch.setattr(saver, "put", slow_put)
            config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
            write = asyncio.create_task(saver.aput(config, empty_checkpoint(), {}, {}))
            await asyncio.to_thread(begun.wait)
            write.cancel()
            await asyncio.gather(write, return_exceptions=True)

    asyncio.run(cancel_a_write())
    assert len(ended) == 1
