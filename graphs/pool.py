"""Components of this process: made once, entered once, shared between runs, left on every ending."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from peercycle.core.base import JSON, canonical_json
from peercycle.core.contracts import Closing
from peercycle.core.errors import PeercycleError, PluginError
from peercycle.plugins.manager import Kind, Plugins
from peercycle.plugins.registry import SINGULAR

Key = tuple[int, str, str, bytes]
"""The plugin manager, the kind, the name and the settings of a component."""


MADE_AT_ONCE = 2
"""Run directories made at once: where many runs begin together, the first then work while the others are made. Made
all at once, they would begin at one moment, and stay in step: all ask for the loop, then all wait for their models."""


class Lifetime:
    """One entered component. Entering and leaving happen in one task, as cancel scopes demand."""

    def __init__(self, component: object) -> None:
        self.component = component
        self.users = 0
        self.shared: dict[str, Any] = {}
        """What users of one component share beside it."""
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Any] | None = None

    async def enter(self) -> Any:
        """Enter the component where it is a context manager; return what to use."""
        if not isinstance(self.component, Closing):
            return self.component
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._live(self.component, self._ready))
        return await asyncio.shield(self._ready)

    async def _live(self, component: Closing, ready: asyncio.Future[Any]) -> None:
        try:
            async with component as entered:
                ready.set_result(entered if entered is not None else component)
                await self._stop.wait()
        except asyncio.CancelledError:
            ready.cancel()
            raise
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def leave(self) -> None:
        """Leave the component; what it raises on leaving reaches the caller. One still being entered is broken off."""
        self._stop.set()
        if self._task is None:
            return
        if self._ready is not None and not self._ready.done():
            # An engine may take minutes to start: nobody waits for it any more.
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            return
        await self._task


@dataclass(slots=True)
class Pool:
    """The entered components of one event loop, by plugin manager, kind, name and settings."""

    _lives: dict[Key, Lifetime] = field(default_factory=dict)
    cycles: dict[Plugins, Any] = field(default_factory=dict)
    """The compiled cycle of each program's plugins: compiling costs as much as fifty stages."""
    making: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MADE_AT_ONCE))
    """Held while a run's directory is made."""
    _kept: list[Holding] | None = None
    """Models in use by the queue itself, while there is one."""

    @asynccontextmanager
    async def keeping_models(self) -> AsyncIterator[None]:
        """Keep every model that is entered meanwhile until the end: between two runs no engine ends and starts anew."""
        if self._kept is not None:
            yield
            return
        kept: list[Holding] = []
        self._kept = kept
        try:
            yield
        finally:
            self._kept = None
            for holding in reversed(kept):
                await holding.release()

    async def acquire(self, plugins: Plugins, kind: Kind, name: str, settings: Mapping[str, JSON]) -> Holding:
        """Return a component in use; `Holding.release` gives it back."""
        key, life = self._made(plugins, kind, name, settings)
        life.users += 1
        try:
            component = await life.enter()
            if kind == "models" and self._kept is not None and all(kept.life is not life for kept in self._kept):
                life.users += 1
                self._kept.append(Holding(self, key, life, component))
            return Holding(self, key, life, component)
        except asyncio.CancelledError:
            # Whoever else waits for it, or has it, goes on with it.
            await self.release(key, life)
            raise
        except BaseException as error:
            if self._lives.get(key) is life:
                # Whoever else waited for it may have been told first, and have begun anew.
                del self._lives[key]
            if isinstance(error, PeercycleError) or not isinstance(error, Exception):
                raise
            offer = plugins.find(kind, name)
            raise PluginError(
                f"the {SINGULAR[kind]} {name!r} ({offer.owner}) failed when it was entered: "
                f"{type(error).__name__}: {error}; name another one, or mend what it needs"
            ) from error

    def look_at(self, plugins: Plugins, kind: Kind, name: str, settings: Mapping[str, JSON]) -> Any:
        """Return a component that may not have been entered yet, to read what it says of itself."""
        return self._made(plugins, kind, name, settings)[1].component

    def _made(self, plugins: Plugins, kind: Kind, name: str, settings: Mapping[str, JSON]) -> tuple[Key, Lifetime]:
        key = (id(plugins), kind, name, canonical_json(dict(settings)))
        if (life := self._lives.get(key)) is None:
            life = self._lives[key] = Lifetime(plugins.create(kind, name, settings))
        return key, life

    async def release(self, key: Key, life: Lifetime) -> None:
        """Give one use back; the last one leaves the component."""
        life.users -= 1
        if life.users == 0 and self._lives.get(key) is life:
            del self._lives[key]
            await life.leave()


@dataclass(slots=True)
class Holding:
    """One use of a component."""

    pool: Pool
    key: Key
    life: Lifetime
    component: Any
    released: bool = False

    async def release(self) -> None:
        """Give the component back. Safe to call twice."""
        if not self.released:
            self.released = True
            await self.pool.release(self.key, self.life)


_POOLS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pool] = weakref.WeakKeyDictionary()


def current_pool() -> Pool:
    """Return the pool of the running event loop."""
    return _POOLS.setdefault(asyncio.get_running_loop(), Pool())
