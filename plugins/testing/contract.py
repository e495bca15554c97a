"""What every contract checks: the same twice, replayed with the world refused, killed and resumed."""

from __future__ import annotations

import asyncio
import inspect
import random
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from peercycle.core.base import JSON, canonical_json
from peercycle.core.contracts import Closing, LanguageModel
from peercycle.core.errors import BudgetExceededError, OutageError
from peercycle.core.literature import Reference
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import ExecRequest, ExecResult
from peercycle.plugins.testing import samples
from peercycle.plugins.testing.children import ChildEnd, run_in_child
from peercycle.plugins.testing.context import Bench, Disturbance, Services
from peercycle.plugins.testing.journal import BenchArtifacts

_KILLS: tuple[Literal["kill before", "kill after"], ...] = ("kill before", "kill after")

Take = Callable[[], Awaitable[Any]]
"""Hands out the component under test, entered where it is a context manager."""


class Contract:
    """Base of the contracts: subclass one of them, give it your component, and let pytest collect it.

    Override `model`, `works`, `answer` and `execute` where your component needs more of the world than the bench
    has. Mark a check that is known to fail with `@pytest.mark.xfail(reason=…)` on an override.
    """

    timeout_s: float = 60.0
    """How long one play may take."""
    closed: Literal["world", "sockets"] = "world"
    """What is refused outside effects: sockets and programs, or sockets alone."""

    def subject(self) -> Any:
        """Return a fresh component."""
        raise NotImplementedError

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Use a component the way a run does, and return all that it said. `await take()` gives the component."""
        raise NotImplementedError

    def model(self) -> LanguageModel | None:
        """Return the model that answers `ctx.model()`."""
        from peercycle.agents.models.scripted import ScriptedAnswer, ScriptedModel, ScriptedModelSettings

        answers = (ScriptedAnswer(when="", text=("An answer.", "Another answer.")),)
        return ScriptedModel(ScriptedModelSettings(answers=answers))

    def works(self) -> tuple[Reference, ...]:
        """Return what a search can find."""
        return samples.references()

    def answer(self, question: str, schema: type[BaseModel]) -> BaseModel:
        """Answer `ctx.ask`."""
        raise NotImplementedError(f"override `answer` in the contract: {question!r} is asked for {schema.__name__}")

    async def execute(self, request: ExecRequest, artifacts: BenchArtifacts) -> ExecResult:
        """Run what goes to the sandbox."""
        raise NotImplementedError(f"override `execute` in the contract: {request.argv!r} is to be run")

    def options(self) -> RunOptions:
        """Return the options of the run."""
        return RunOptions(run_id="bench")

    def bench(self, folder: Path, *, refuse: bool = False, disturbance: Disturbance | None = None) -> Bench:
        """Return a bench over a folder; over the same folder again, it knows what the first one journalled."""
        services = Services(self.model(), self.works(), self.answer, self.execute)
        return Bench(folder, services, options=self.options(), refuse=refuse, disturbance=disturbance)


class ReplayContract(Contract):
    """For components that reach the world through a `StageContext`.

    `does_without` names what of a spent budget the component answers by going on without what it cannot pay for, as an
    exporter may; everything else that ends a run must pass through.
    """

    does_without: ClassVar[frozenset[type[BaseException]]] = frozenset()

    def test_it_plays_to_the_end(self) -> None:
        with temporary_folder() as folder:
            _ended(self._child(folder))

    def test_a_replay_with_the_world_refused_says_the_same(self) -> None:
        """The journal of a first play answers a second one, in another process with other random seeds."""
        with temporary_folder() as folder:
            first = _ended(self._child(folder, chance=1))
            second = _ended(self._child(folder, chance=2, refuse=True))
            assert second == first, f"a replay differs from the first play: {_difference(first, second)}"

    def test_a_kill_and_a_resume_leave_what_an_undisturbed_play_leaves(self) -> None:
        """Killed between two calls, and before and after the first effect, one in the middle and the last."""
        with temporary_folder() as folder:
            whole = _ended(self._child(folder))
            effects = len(self.bench(folder).times_done())
        ends = sorted({1, effects // 2, effects} - {0}) if effects else []
        kills = [Disturbance(at, what) for at in ends for what in _KILLS]
        for disturbance in (Disturbance(2, "kill call"), *kills):
            with temporary_folder() as folder:
                self._kill_and_resume(folder, disturbance, whole)

    def test_it_keeps_nothing_from_one_run_to_the_next(self) -> None:
        """One component, shared between runs as a driver shares it, says in each what it says alone."""
        with temporary_folder() as folder:
            alone = _ended(self._child(folder / "alone"))
            after = _ended(self._child(folder / "after", rehearsals=2))
            assert after == alone, f"an earlier run shows in a later one: {_difference(alone, after)}"

    def test_it_keeps_nothing_from_one_call_to_the_next(self) -> None:
        """A fresh component for each call, as after a crash, says what one component says."""
        with temporary_folder() as folder:
            one = _ended(self._child(folder / "one"))
            many = _ended(self._child(folder / "many", fresh=True))
            assert many == one, f"an earlier call shows in a later one: {_difference(one, many)}"

    def test_what_ends_a_run_passes_through_it(self) -> None:
        """A pause, a spent budget or an outage at an effect is not swallowed."""
        with temporary_folder() as folder:
            _ended(self._child(folder))
            effects = len(self.bench(folder).times_done())
        for error in _endings():
            if type(error) in self.does_without:
                continue
            for at in sorted({1, effects}) if effects else ():
                with temporary_folder() as folder:
                    end = self._child(folder, disturbance=Disturbance(at, "raise", error))
                    name = type(error).__name__
                    swallowed = f"{name} at effect {at} was swallowed or turned into something else: {end.error}"
                    assert (end.error or "").startswith(f"{name}:"), swallowed

    def said(self) -> JSON:
        """Return what the component says in an undisturbed play; fails where the play does."""
        with temporary_folder() as folder:
            return _ended(self._child(folder))

    def _kill_and_resume(self, folder: Path, disturbance: Disturbance, whole: JSON) -> None:
        killed = self._child(folder, disturbance=disturbance, chance=3)
        assert killed.signal == signal.SIGKILL, f"no {disturbance.what} {disturbance.at}: {killed.error}"
        journalled = self.bench(folder).journal.keys
        resumed = _ended(self._child(folder, chance=4))
        times = self.bench(folder).times_done()
        repeated = [line for line, count in times.items() if count > (1 if line in journalled else 2)]
        assert not repeated, f"done again after a kill: {repeated}"
        where = f"killed ({disturbance.what} {disturbance.at}) and resumed"
        assert resumed == whole, f"{where}, it differs: {_difference(whole, resumed)}"

    def _child(
        self,
        folder: Path,
        *,
        refuse: bool = False,
        disturbance: Disturbance | None = None,
        chance: int = 0,
        rehearsals: int = 0,
        fresh: bool = False,
    ) -> ChildEnd:
        async def task() -> JSON:
            async with AsyncExitStack() as stack:
                take = _taker(self.subject, stack, fresh)
                for number in range(rehearsals):
                    await self.play(take, self.bench(folder / f"rehearsal{number}"))
                random.seed(chance)
                bench = self.bench(folder, refuse=refuse, disturbance=disturbance)
                said = await self.play(take, bench)
            assert not bench.missed, f"replayed, it asked for something else: {bench.missed[0]}"
            return said

        return run_in_child(task, closed=self.closed, timeout_s=self.timeout_s)

    def _in_a_child(self, task: Callable[[], Coroutine[Any, Any, JSON]]) -> JSON:
        """Run something with the world open, in a process of its own; what fails there fails here."""
        return _ended(run_in_child(task, timeout_s=self.timeout_s))


def _taker(subject: Callable[[], Any], stack: AsyncExitStack, fresh: bool) -> Take:
    """Return what hands components out, entered: always the same one, or a fresh one each time."""
    kept: list[Any] = []

    async def take() -> Any:
        if fresh or not kept:
            component = subject()
            kept.append(await stack.enter_async_context(component) if isinstance(component, Closing) else component)
        return kept[-1]

    return take


def _endings() -> Iterator[BaseException]:
    from langgraph.errors import GraphInterrupt

    yield GraphInterrupt(())
    yield BudgetExceededError("the budget is spent")
    yield OutageError("the service is down")
    yield asyncio.CancelledError("cancelled")


def _ended(end: ChildEnd) -> JSON:
    assert end.signal is None, f"it died of signal {end.signal}"
    assert end.error is None, end.error
    return end.value


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Hand out a folder, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="peercycle-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _difference(first: JSON, second: JSON) -> str:
    """Return the place where two values part, with a little of both."""
    a, b = canonical_json(first).decode(), canonical_json(second).decode()
    at = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    start = max(0, at - 40)
    return f"…{a[start : at + 40]}… against …{b[start : at + 40]}…"


def checks_of(contract: type[Contract]) -> list[str]:
    """Return the names of a contract's checks."""
    return [name for name, _ in inspect.getmembers(contract, inspect.isfunction) if name.startswith("test_")]


def failures(contract: type[Contract], *, only: str | None = None) -> dict[str, str]:
    """Run a contract, or one check of it, without pytest; return what failed, by check."""
    import pytest

    found: dict[str, str] = {}
    for name in [only] if only else checks_of(contract):
        try:
            getattr(contract(), name)()
        except pytest.skip.Exception:
            continue
        except Exception as error:  # noqa: BLE001 - whatever a broken component raises is a failure
            found[name] = f"{type(error).__name__}: {error}"
    return found
