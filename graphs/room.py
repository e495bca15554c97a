"""Room in the budget: an effect that does not fit waits for what is in flight, and ends the run where nothing is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from langgraph.errors import GraphDrained

from peercycle.core.errors import BudgetExceededError

T = TypeVar("T")

INSIDE: ContextVar[bool] = ContextVar("peercycle_inside_an_effect", default=False)
"""Whether an effect is being done here: one that it asks for does not wait, as it may be waiting for itself."""


@dataclass(slots=True)
class Room:
    """What the effects of a run have in flight, and those that wait for some of it to come back. Of one loop."""

    _held: int = 0
    """How many effects have a reservation, or are asking for one."""
    _returns: int = 0
    """How often something has come back: tells whether it did between a refusal and the wait for it."""
    _draining: bool = False
    _waiting: set[asyncio.Future[None]] = field(default_factory=set)

    async def take(self, reserve: Callable[[], Awaitable[T]], *, finishing: bool) -> T:
        """Return what `reserve` does, again after each return where its refusal says that it may fit then.

        What was taken is handed in with `give_back`. Raises `BudgetExceededError` where nothing is in flight that
        could make room, and `GraphDrained` where the run drains meanwhile; a finish goes on waiting then.
        """
        while True:
            returns = self._returns
            self._held += 1
            try:
                return await reserve()
            except BudgetExceededError as error:
                self._held -= 1
                if not error.may_come_back or INSIDE.get():
                    self._wake_if_idle()
                    raise
                if self._draining and not finishing:
                    raise GraphDrained("drained") from error
                if returns == self._returns:
                    if not self._held:
                        self._wake_if_idle()
                        raise
                    await self._next_return()
            except BaseException:
                self.give_back()
                raise

    def give_back(self) -> None:
        """Say that an effect no longer holds what it took: its reservation is settled."""
        self._held -= 1
        self._wake()

    def drain(self) -> None:
        """Let nobody wait any longer, except for the finish."""
        self._draining = True
        self._wake()

    def _wake_if_idle(self) -> None:
        # Those that wait were told that this one was asking: let them see that nothing is in flight any more.
        if not self._held and self._waiting:
            self._wake()

    def _wake(self) -> None:
        self._returns += 1
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def _next_return(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)
