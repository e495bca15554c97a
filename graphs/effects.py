"""Effects: what a stage does to the world, effectively once, within the budget, and through outages."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from peercycle.core import errors
from peercycle.core.base import JSON, canonical_json, sha256_hex
from peercycle.core.errors import EffectError, OutageError, PeercycleError
from peercycle.core.journal import EffectKey, EffectOutcome, EffectTicket, RunStore
from peercycle.core.modelling import Usage
from peercycle.graphs.room import INSIDE, Room

Answer = tuple[JSON, Usage]
"""What an effect returned, and what it used."""

OutageHandler = Callable[[EffectKey, OutageError, float], Awaitable[None]]
"""Waits until the effect may be tried again, or raises; is told for how many seconds it has been out of reach."""


ENDING_S = 30.0
"""How long what is in flight at a stage's end may take to be given up; a program in the sandbox takes longest."""


@dataclass(slots=True)
class Effects:
    """The effects of one visit of one stage on one candidate's path."""

    store: RunStore
    candidate: str
    stage: str
    visit: int
    finishing: bool
    on_outage: OutageHandler
    room: Room
    """Of the run."""
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    """Which tasks have asked for one."""
    _ended: bool = False

    def key(self, kind: str, request: JSON) -> EffectKey:
        """Return the next key of a request: the n-th identical one within the visit has occurrence n - 1."""
        digest = sha256_hex(canonical_json(request))
        occurrence = self._seen[kind, digest]
        self._seen[kind, digest] += 1
        return EffectKey(self.candidate, self.stage, self.visit, kind, digest, occurrence)

    async def perform(
        self,
        key: EffectKey,
        request: JSON,
        reserve: Usage,
        fn: Callable[[], Awaitable[Answer]],
        used: Callable[[], Usage] | None = None,
    ) -> EffectOutcome:
        """Return the journalled answer, or do it now and journal it.

        A journalled error is raised again. An outage waits or ends the run, as the options say. `used`: what was used
        so far, for an attempt that is cancelled; where nobody can say it, that is all that was reserved.
        """
        if self._ended:
            # A task that outlived its stage: nobody hears the answer, and the run's files may be closed.
            raise asyncio.CancelledError
        if (task := asyncio.current_task()) is not None and task not in self._tasks:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        out_since: float | None = None
        while True:
            try:
                return await self._once(key, request, reserve, fn, used)
            except OutageError as outage:
                out_since = time.monotonic() if out_since is None else out_since
                await self.on_outage(key, outage, time.monotonic() - out_since)

    async def end(self) -> None:
        """Give up what a stage that has ended still has in flight, such as the questions beside one that failed.

        Nobody would hear the answer, the reservation would stand, and the run's files may be closed before it comes.
        """
        self._ended = True
        left = [task for task in self._tasks if task is not asyncio.current_task() and not task.done()]
        for task in left:
            task.cancel()
        ended, _ = await asyncio.wait(left, timeout=ENDING_S) if left else (set(), set())
        for task in ended:
            if not task.cancelled():
                task.exception()  # nobody else asks for it, and asyncio would complain

    async def _once(
        self,
        key: EffectKey,
        request: JSON,
        reserve: Usage,
        fn: Callable[[], Awaitable[Answer]],
        used: Callable[[], Usage] | None,
    ) -> EffectOutcome:
        found = await self.room.take(
            lambda: self.store.begin_effect(key, request, reserve, finishing=self.finishing), finishing=self.finishing
        )
        try:
            if isinstance(found, EffectOutcome):
                return _answer(found)
            return await self._attempt(found, reserve, fn, used)
        finally:
            self.room.give_back()

    async def _attempt(
        self,
        ticket: EffectTicket,
        reserve: Usage,
        fn: Callable[[], Awaitable[Answer]],
        used: Callable[[], Usage] | None,
    ) -> EffectOutcome:
        inside = INSIDE.set(True)
        try:
            result, usage = await fn()
        except asyncio.CancelledError:
            # Where nobody knows better, the request may have gone out: what it could have used at most counts.
            spent = reserve if used is None else used()
            await asyncio.shield(self.store.release_effect(ticket, "cancelled", spent))
            raise
        except EffectError as error:
            # It was asked all the same: the call counts, and where money is counted its worst case stands.
            asked = Usage(model_calls=reserve.model_calls, requests=_sent(error, reserve.requests))
            outcome = EffectOutcome(
                result=None if error.raw is None else {"raw": error.raw},
                error_type=type(error).__name__,
                error_message=str(error),
                usage=asked,
                attempts=ticket.attempt,
            )
            await self.store.settle_effect(ticket, outcome)
            raise
        except Exception as error:
            ours = error if isinstance(error, PeercycleError) else None
            lost = reserve if ours is None else Usage(requests=_sent(ours, 0))
            raw = None if ours is None else ours.raw
            await self.store.release_effect(ticket, f"{type(error).__name__}: {error}", lost, raw)
            raise
        finally:
            INSIDE.reset(inside)
        outcome = EffectOutcome(result=result, usage=usage, attempts=ticket.attempt)
        await self.store.settle_effect(ticket, outcome)
        return outcome


def id_at(key: EffectKey, letter: str) -> str:
    """Return an id for what was asked at a place of a run: the same for the same request there, after any crash."""
    place = [key.candidate, key.stage, key.visit, key.kind, key.request_sha256, key.occurrence]
    return f"{letter}{sha256_hex(canonical_json(place))[:16]}"


def _sent(error: PeercycleError, otherwise: int) -> int:
    """Return how many requests to online sources an error cost."""
    return otherwise if error.requests_sent is None else error.requests_sent


def _answer(outcome: EffectOutcome) -> EffectOutcome:
    if outcome.error_type is None:
        return outcome
    kind = getattr(errors, outcome.error_type, None)
    if not (isinstance(kind, type) and issubclass(kind, EffectError)):
        # A plugin's own error class cannot be found by name: its nearest kin of ours stands for it.
        kind = EffectError
    error = kind(outcome.error_message)
    if isinstance(outcome.result, dict):
        error.raw = str(outcome.result["raw"])
    raise error


def parse_outage_policy(text: str) -> float:
    """Return how many seconds to wait through an outage: 0 for `stop` and `continue`, `wait:2h` is 7200."""
    if text in {"stop", "continue"}:
        return 0.0
    amount, unit = text.removeprefix("wait:")[:-1], text[-1]
    return float(amount) * {"s": 1.0, "m": 60.0, "h": 3600.0}[unit]
