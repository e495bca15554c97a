"""The part of the sandboxes' contract that attacks: every row of the suite as a test, green and red."""

from __future__ import annotations

import atexit
import contextlib
import warnings
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

import pytest

from peercycle.core.contracts import Closing, Sandbox
from peercycle.core.sandboxing import ALL_GUARANTEES, EnvironmentSpec, Guarantee
from peercycle.plugins.testing.journal import BenchArtifacts
from peercycle.plugins.testing.sandbox_suite import ROWS, Nothing, Row, soak
from peercycle.plugins.testing.sandbox_suite.ground import Ground, Skip
from peercycle.plugins.testing.sandbox_suite.worker import Answer, Worker


class AttackContract:
    """Each row of the suite as two tests: it is contained, and (`prove`) with its protections removed it is not.

    A backend that can lay protections down for a proof overrides `weakened`, and says in `kind` which column of the
    table it is; without these the red tests are skipped.
    """

    environment: EnvironmentSpec = EnvironmentSpec(name="base")
    requires: frozenset[Guarantee] = ALL_GUARANTEES
    kind: str = ""
    user: int | None = None
    """Run the rows as this user, where we are root."""
    state: Path | None = None
    """A folder of the rows' own, in the process that runs them; a sandbox may keep its things there."""
    _workers: ClassVar[dict[type, Worker]] = {}

    def sandbox(self) -> Sandbox:
        """Return a fresh sandbox."""
        raise NotImplementedError

    def weakened(self, without: frozenset[str]) -> Sandbox | None:
        """Return a sandbox that lacks protections, or None where there is no such thing."""
        return None

    def needs(self, row: Row) -> tuple[str, ...] | Nothing:
        """Return the smallest set of protections whose removal turns a row red, for this backend."""
        return row.needs.get(self.kind, Nothing("nothing is known of this backend"))

    def facts(self) -> dict[str, Any]:
        """Return what rows must know of a backend, in the process that runs them.

        `holder(mark)` finds what holds a program, `kill_holder(it)` kills that; `remains()` lists what is left of
        executions when none is running; `host_path` is a path of the backend's own that no program may learn from a
        command line.
        """
        return {}

    @classmethod
    def teardown_class(cls) -> None:
        """End the process that ran the rows."""
        if (worker := cls._workers.pop(cls, None)) is not None:
            worker.close()

    def test_soak_of_many_at_a_time(self) -> None:
        """500 programs, eight at a time, benign and hostile mixed: each ends as it has to, and nothing is left.

        Runs where your pytest settings know the marker `prove`, by which it is left out of short runs.
        """
        if not LONG:
            pytest.skip("needs the marker `prove` in the settings of pytest: it takes minutes")
        answer = self._ask({"soak": soak.EXECUTIONS}, timeout_s=1750)
        assert not answer.found, "; ".join(answer.found)

    def hold(self, row: Row) -> None:
        """The row's attack gets nothing; a behaviour is as promised."""
        answer = self._check(row, frozenset())
        assert not answer.found, f"{row.says} {'; '.join(answer.found)}"

    def turn_red(self, row: Row) -> None:
        """Without its protections the row fails; with any one of them left in place it holds."""
        needs = self.needs(row)
        if isinstance(needs, Nothing):
            pytest.skip(f"needs a protection to remove, and there is none: {needs.why}")
        answer = self._check(row, frozenset(needs))
        assert answer.found, f"without {', '.join(needs)} the attack still gets nothing"
        record_proof(self.kind, row, needs, answer.found)
        for kept in needs if len(needs) > 1 else ():
            rest = frozenset(needs) - {kept}
            answer = self._check(row, rest)
            assert not answer.found, f"{kept} alone does not hold: {answer.found}, so the set is not the smallest"

    def _check(self, row: Row, without: frozenset[str]) -> Answer:
        return self._ask({"row": row.name, "without": sorted(without)})

    def _ask(self, asked: dict[str, Any], timeout_s: float = 100.0) -> Answer:
        if not self.requires:
            pytest.skip("needs a sandbox: one that claims no guarantee is not attacked")
        answer = self.worker().ask(asked, timeout_s)
        if answer.skip is not None:
            pytest.skip(answer.skip)
        assert answer.error is None, answer.error
        return answer

    def worker(self) -> Worker:
        """Return the process that runs this class's rows, started on first use."""
        known = AttackContract._workers.get(type(self))
        if known is None or known.closed:
            known = Worker(self._serve, uid=self.user)
            AttackContract._workers[type(self)] = known
        return known

    async def _serve(self, folder: Path, stack: AsyncExitStack) -> Callable[[dict[str, Any]], Any]:
        """Return what answers a request, in the process that runs the rows."""
        self.state = folder / "state"
        grounds: dict[frozenset[str], Ground] = {}

        async def ground(without: frozenset[str]) -> Ground:
            if without not in grounds:
                weakened = self.weakened(without) if without else None
                if without and weakened is None:
                    raise Skip("needs a sandbox whose protections can be removed: override `weakened`")
                made: Sandbox = self.sandbox() if weakened is None else weakened
                if isinstance(made, Closing):
                    made = await stack.enter_async_context(made)
                if not without:
                    probed = await made.probe()
                    if not probed.available:
                        raise Skip(f"needs a machine that it works on: {probed.problem}; {probed.fix or ''}")
                grounds[without] = Ground(
                    kind=self.kind,
                    sandbox=made,
                    fresh=(lambda: self.weakened(without) or self.sandbox()) if without else self.sandbox,
                    environment=await made.prepare(self.environment),
                    spec=self.environment,
                    requires=frozenset() if without else self.requires,
                    without=without,
                    folder=folder / "bait",
                    artifacts=BenchArtifacts(folder / "artifacts"),
                    facts=self.facts(),
                )
            return grounds[without]

        async def answer(asked: dict[str, Any]) -> list[str]:
            if "soak" in asked:
                return await soak.soak(await ground(frozenset()), asked["soak"])
            return await ROWS[asked["row"]].check(await ground(frozenset(asked["without"])))

        return answer


def record_proof(kind: str, row: Row, needs: tuple[str, ...], found: tuple[str, ...]) -> None:
    """Tell the pytest run what a red row let through; `tools/sandbox_table.py` keeps it."""
    for listener in PROOFS:
        listener(kind, row.name, needs, found)


PROOFS: list[Callable[[str, str, tuple[str, ...], tuple[str, ...]], None]] = []
"""Who wants to know of a proof."""


def _marked(test: Any, name: str, *values: object) -> Any:
    """Return a test with a mark where the project's pytest knows it; whoever imports this need not have our markers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            mark = getattr(pytest.mark, name)
    except (Warning, pytest.fail.Exception):
        return test
    return (mark(*values) if values else mark)(test)


def _long() -> None: ...


LONG = hasattr(_marked(_long, "prove"), "pytestmark")
"""Whether red rows and the soak can be told from the rest."""


def _add_tests() -> None:
    for row in ROWS.values():
        setattr(AttackContract, f"test_{row.name}", _test(row))
        if row.is_attack:
            setattr(AttackContract, f"test_red_{row.name}", _marked(_red_test(row), "prove"))
    long = _marked(AttackContract.test_soak_of_many_at_a_time, "prove")
    setattr(AttackContract, long.__name__, _marked(long, "timeout", 1800))


def _test(row: Row) -> Callable[[AttackContract], None]:
    def test(self: AttackContract) -> None:
        self.hold(row)

    test.__doc__, test.__name__ = row.says, f"test_{row.name}"
    return test


def _red_test(row: Row) -> Callable[[AttackContract], None]:
    def test(self: AttackContract) -> None:
        self.turn_red(row)

    test.__doc__, test.__name__ = f"Red: {row.says}", f"test_red_{row.name}"
    return test


def _close_all() -> None:
    for worker in AttackContract._workers.values():
        with contextlib.suppress(Exception):
            worker.close()


_add_tests()
atexit.register(_close_all)
