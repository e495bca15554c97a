"""A run that this process drives: its store, its components, its drain, its clock."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from peercycle.core.base import JSON, canonical_json
from peercycle.core.contracts import (
    Exporter,
    LanguageModel,
    LiteratureSource,
    Policy,
    Reviewer,
    RewardFunction,
    Sandbox,
)
from peercycle.core.errors import OutageError, PeercycleError, SandboxUnavailableError
from peercycle.core.events import RunEvent
from peercycle.core.fetching import FetchingSandbox
from peercycle.core.journal import EffectKey, RunStore
from peercycle.core.runs import EndReason, ModelChoice, RunOptions, RunRecord
from peercycle.core.sandboxing import DataRecord, EnvironmentRef, ExecRequest, ExecResult
from peercycle.core.writing import ResearchTask
from peercycle.graphs.effects import parse_outage_policy
from peercycle.graphs.models import Coalescer
from peercycle.graphs.pool import Holding, Pool
from peercycle.graphs.room import Room
from peercycle.graphs.settings import component_settings
from peercycle.graphs.stopwatch import Stopwatch
from peercycle.graphs.wallclock import WallClock, told_jump
from peercycle.plugins.manager import Plugins

if TYPE_CHECKING:
    from langgraph.runtime import RunControl

DRAIN_POLL_S = 0.25
"""How often a wait for a service that is out looks whether the run is to drain."""
RETRY_OUTAGE_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""How long to wait before a new try, by how many tens of seconds an outage has lasted; the last stands for the rest."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in use for a role."""

    choice: ModelChoice
    model: LanguageModel
    engine: Coalescer


@dataclass(slots=True)
class OpenRun:
    """Everything that a stage's context reaches the world through."""

    path: Path
    store: RunStore
    plugins: Plugins
    record: RunRecord
    task: ResearchTask
    control: RunControl
    policy: Policy
    reviewer: Reviewer
    judge: Reviewer | None
    reward: RewardFunction
    models: dict[str, ServedModel]
    exporters: dict[str, Exporter]
    sandbox: Sandbox | None
    holdings: list[Holding]
    offline: bool = False
    """Whether this is a replay, for which the journal must answer."""
    stop_reason: tuple[EndReason, str] | None = None
    """Why the run drains, once it does."""
    words: dict[tuple[str, type[BaseModel]], BaseModel] = field(default_factory=dict)
    """Words read back lately, by artefact and kind."""
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one question to a source that is in flight where requests are limited: each reserves its worst case,
    and many at once would use up a limit of which little is spent."""
    room: Room = field(default_factory=Room)
    """Where effects wait that do not fit into the budget beside those in flight."""
    _own: Pool = field(default_factory=Pool)
    """Of the sources: they hold the run's bibliography, so no other run may share these instances."""
    _sources: dict[str, asyncio.Task[LiteratureSource]] = field(default_factory=dict)
    _telling: set[asyncio.Future[None]] = field(default_factory=set)
    _slots: asyncio.Semaphore | None = None
    _told: set[bytes] = field(default_factory=set)
    """What executions stood on, as far as the log says it."""
    _clock: float = field(default_factory=time.monotonic)
    _wall: WallClock = field(default_factory=WallClock)

    @property
    def options(self) -> RunOptions:
        """The options as recorded, extensions included."""
        return self.record.options

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.record.run_id

    async def emit(
        self,
        kind: str,
        message: str = "",
        *,
        candidate: str = "",
        stage: str = "",
        visit: int = 0,
        data: Mapping[str, JSON] | None = None,
    ) -> None:
        """Write one line to the run's log and tell the plugins."""
        event = RunEvent(self.run_id, kind, time.time(), message, candidate, stage, visit, dict(data or {}))
        await self.store.add_event(event)
        self.plugins.on_event(event)

    def drain(self, reason: EndReason, message: str) -> None:
        """Let the stages in hand end, and begin no other; the first reason stands."""
        if self.stop_reason is None:
            self.stop_reason = (reason, message)
            told = asyncio.ensure_future(self.emit("draining", f"{message}; the stages in hand end first"))
            self._telling.add(told)
            told.add_done_callback(self._telling.discard)
        self.control.request_drain(reason)
        self.room.drain()

    async def tick(self, *, at_least_s: float = 0.0) -> None:
        """Count the wall clock since the last tick, by a clock that cannot jump; a shorter time is left to the next."""
        now = time.monotonic()
        elapsed = now - self._clock
        if elapsed >= at_least_s:
            self._clock = now
            await self.store.add_wall_clock(elapsed)
            if back := self._wall.went_back():
                said = told_jump(f"{back:,.0f} s", self.options.budget.until)
                await self.emit("log", said, data={"warning": True})

    async def literature(self, name: str) -> LiteratureSource:
        """Return this run's own instance of a source, with the run's bibliography in it."""
        opening = self._sources.get(name)
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception() is not None)):
            # One that could not be opened may be open to the next question: an outage ends.
            opening = self._sources[name] = asyncio.create_task(self._open_source(name))
        return await asyncio.shield(opening)

    def unopened_source(self, name: str) -> LiteratureSource:
        """Return a source as it was made, to read what it says of itself; nothing is opened for that."""
        source: LiteratureSource = self._own.look_at(
            self.plugins, "literature", name, component_settings(self.options, "literature", name)
        )
        return source

    async def _open_source(self, name: str) -> LiteratureSource:
        holding = await self._own.acquire(
            self.plugins, "literature", name, component_settings(self.options, "literature", name)
        )
        self.holdings.append(holding)
        source: LiteratureSource = holding.component
        await source.add(self.task.bibliography)
        return source

    def sandbox_slots(self) -> asyncio.Semaphore:
        """Bound concurrent executions to the cores of this machine."""
        if self._slots is None:
            self._slots = asyncio.Semaphore(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        return self._slots

    async def execute(self, request: ExecRequest, watch: Stopwatch) -> ExecResult:
        """Prepare the environment and run a program; only called where the journal has no answer."""
        if self.sandbox is None:
            raise SandboxUnavailableError(
                f"run {self.run_id!r} has no sandbox; see `peercycle doctor`, then `peercycle resume` it"
            )
        environment = await self.sandbox.prepare(request.environment)
        if request.data and isinstance(self.sandbox, FetchingSandbox):
            await self.sandbox.fetch(request.data)
        with watch:
            result = await self.sandbox.run(request, environment, self.store.artifacts)
        await self._tell_prepared(environment, result.data)
        return result

    async def _tell_prepared(self, environment: EnvironmentRef, data: Sequence[DataRecord]) -> None:
        """Write what an execution stood on into the log, once for all that stood on the same."""
        told = environment.model_dump(mode="json", exclude={"location"})
        records: list[JSON] = [record.model_dump(mode="json") for record in data]
        key = canonical_json([told, records])
        if key not in self._told:
            self._told.add(key)
            await self.emit(
                "prepared", f"environment {environment.name}", data={"environment": told, "data": records}
            )

    async def wait_through(self, key: EffectKey, outage: OutageError, waited: float) -> None:
        """Wait until an effect may be tried again; raises the outage where the options or the deadline say so."""
        limit = parse_outage_policy(self.options.on_outage)
        if waited >= limit or self.control.drain_requested:
            raise outage
        attempt = min(int(waited // 10), len(RETRY_OUTAGE_S) - 1)
        pause = min(RETRY_OUTAGE_S[attempt], limit - waited)
        await self.emit(
            "outage",
            f"{outage}; trying again in {pause:.0f} s, for {limit - waited:.0f} s more",
            candidate=key.candidate,
            stage=key.stage,
            visit=key.visit,
        )
        again = time.monotonic() + pause
        while (left := again - time.monotonic()) > 0:
            if self.control.drain_requested:
                # There is nothing in hand that could end: only a wait.
                raise outage
            await asyncio.sleep(min(left, DRAIN_POLL_S))

    async def close(self) -> None:
        """Leave every component and give the lease up."""
        try:
            await self._leave_components()
        finally:
            # Also where a loop that shuts down has cancelled the components: the next driver needs the lease.
            await self.store.close()

    async def _leave_components(self) -> None:
        problems: list[str] = []

        async def leave(holding: Holding) -> None:
            try:
                await holding.release()
            except Exception as error:  # noqa: BLE001 - one component's failure must not keep the others open
                problems.append(f"{type(error).__name__}: {error}")

        for source in self._sources.values():
            source.cancel()
        # Nor must a cancellation, which breaks off the one at which it comes.
        async with AsyncExitStack() as leaving:
            for holding in self.holdings:
                leaving.push_async_callback(leave, holding)
            # Where the store still takes writes.
            with suppress(PeercycleError):
                await self.tick()
        for problem in problems:
            await self.emit("component_failed", problem)
