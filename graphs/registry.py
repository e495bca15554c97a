"""Which runs are open in this process: a node finds its run here, or opens it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.runtime import Runtime

from peercycle.core.errors import UsageError
from peercycle.core.runs import RunOptions
from peercycle.graphs.openrun import OpenRun
from peercycle.graphs.publish import end_early
from peercycle.plugins.manager import Plugins

LINGER_S = 2.0
"""How long a run that a node opened stays open for the next node of a plain `ainvoke`."""

_OPEN: dict[tuple[int, str], Opened] = {}
"""Open runs, by event loop and path."""

_LEAVING: dict[tuple[int, str], asyncio.Event] = {}
"""Runs that are being closed: told when that is done."""

_LEADS_TO: dict[str, str] = {}
"""Of the absolute paths by which nodes name open runs, where each leads. Where a relative one does depends on the
working directory, for which a server's loop cannot be asked."""

_DRIVEN: ContextVar[OpenRun | None] = ContextVar("peercycle_driven", default=None)
"""The run whose graph this task drives. It goes before the path in the state: a run may have been moved or copied
since its checkpoints were written, and what resumes a copy must not drive the original."""


@dataclass(slots=True)
class Opened:
    """An open run and who uses it."""

    run: OpenRun
    driven: bool
    """A driver opened it, and closes it; else it is closed when no node has used it for a while."""
    users: int = 0
    closing: asyncio.Task[None] | None = None


async def _place(path: str | Path) -> tuple[int, str]:
    name = str(path)
    if (real := _LEADS_TO.get(name)) is None:
        # In a thread: the loop may be a server's, which waits for no disk.
        real = await asyncio.to_thread(os.path.realpath, name)
        if Path(name).is_absolute():
            _LEADS_TO[name] = real
    return id(asyncio.get_running_loop()), real


def _take_out(place: tuple[int, str]) -> None:
    """Take out a run that is about to be closed; afterwards, links may lead elsewhere."""
    del _OPEN[place]
    # Loops in other threads share it.
    for name, real in tuple(_LEADS_TO.items()):
        if real == place[1]:
            _LEADS_TO.pop(name, None)


async def register(run: OpenRun) -> None:
    """Let nodes find a run that a driver opened: those of this task, and any that name its path."""
    _OPEN[await _place(run.path)] = Opened(run, driven=True)
    _DRIVEN.set(run)


def forget(run: OpenRun) -> None:
    """Take a run out that its driver is about to close."""
    _DRIVEN.set(None)
    for place in [place for place, opened in _OPEN.items() if opened.run is run]:
        _take_out(place)


@dataclass(slots=True)
class Runs:
    """How the nodes of one graph come to their run."""

    plugins: Plugins | None = None
    _opening: dict[tuple[int, str], asyncio.Lock] = field(default_factory=dict)

    def loaded(self) -> Plugins:
        """Return the graph's plugins, discovered at first need."""
        if self.plugins is None:
            self.plugins = Plugins.load()
        return self.plugins

    @asynccontextmanager
    async def use(self, state: Mapping[str, Any], runtime: Runtime[Any]) -> AsyncIterator[OpenRun]:
        """Find the state's run in this process, or open it, for the time of one node."""
        from peercycle.graphs.launch import open_existing

        driven = _DRIVEN.get()
        if driven is not None and driven.run_id == state["run"]["id"]:
            # Its driver opened it, and closes it.
            yield driven
            return
        path = Path(state["run"]["dir"])
        place = await _place(path)
        while (opened := _OPEN.get(place)) is None:
            if (leaving := _LEAVING.get(place)) is not None:
                # It holds the lease until it is closed.
                await leaving.wait()
                continue
            async with self._opening.setdefault(place, asyncio.Lock()):
                if place not in _OPEN and place not in _LEAVING:
                    run = await open_existing(path, self.loaded(), runtime.control, in_loop=False)
                    _OPEN[place] = Opened(run, driven=False)
            self._opening.pop(place, None)
        opened.users += 1
        if opened.closing is not None:
            opened.closing.cancel()
            opened.closing = None
        broken_off = False
        try:
            yield opened.run
        except BaseException:
            broken_off = True
            raise
        finally:
            opened.users -= 1
            if not opened.driven and opened.users == 0:
                if broken_off:
                    # The loop may be about to end, and would never begin another task.
                    await _close(place, opened)
                else:
                    opened.closing = asyncio.create_task(_close_later(place, opened))

    async def launch(self, options: RunOptions, task: Any, runtime: Runtime[Any]) -> OpenRun:
        """Create the run of a plain `ainvoke` and leave it open for the nodes to come."""
        from peercycle.graphs.launch import create_and_open

        await self._require_what_was_loaded(options)
        run = await create_and_open(task, options, self.loaded(), runtime.control, in_loop=False)
        try:
            place = await _place(run.path)
        except BaseException:
            await run.close()
            raise
        opened = _OPEN[place] = Opened(run, driven=False)
        opened.closing = asyncio.create_task(_close_later(place, opened))
        return run

    async def _require_what_was_loaded(self, options: RunOptions) -> None:
        """Raise `UsageError` where a context asks for other plugins than the graph was built with."""
        if not options.plugins and not options.disabled_plugins:
            return
        # In a thread: where a file's path leads, the disk is asked.
        if lacking := await asyncio.to_thread(self.loaded().lacking, options.plugins, options.disabled_plugins):
            raise UsageError(
                f"the graph was built without what its context says of the plugin {lacking[0]!r}: "
                "a graph's plugins are those of build_graph(Plugins.load(files=[…], disabled=[…]))"
            )


async def _close_later(place: tuple[int, str], opened: Opened) -> None:
    try:
        await asyncio.sleep(0 if opened.run.record.terminal else LINGER_S)
    except asyncio.CancelledError:
        if opened.closing is not asyncio.current_task():
            # A node has come for the run, and may have gone again by now.
            raise
        # The loop is shutting down: this is the last chance to close.
    await _close(place, opened)


async def _close(place: tuple[int, str], opened: Opened) -> None:
    if opened.users == 0 and _OPEN.get(place) is opened:
        _take_out(place)
        leaving = _LEAVING[place] = asyncio.Event()
        run = opened.run
        try:
            if run.record.terminal is None and run.stop_reason is not None:
                # A plain `ainvoke` came to an early end: no driver is there to write its account.
                await end_early(run, *run.stop_reason)
        finally:
            try:
                await run.close()
            finally:
                del _LEAVING[place]
                leaving.set()
