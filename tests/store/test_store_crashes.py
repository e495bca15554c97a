"""Real processes, really killed, at every point between an intent and its row."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import artifact_ref
from peercycle.core.errors import DamagedRunError, LeaseLostError, RunInUseError
from peercycle.core.journal import EffectKey, EffectOutcome, Question
from peercycle.core.modelling import Usage
from peercycle.core.runs import RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.store import commits, lease
from peercycle.store.directory import create_run, open_run, read_run, run_status

Child = Callable[..., subprocess.CompletedProcess[str]]
BODY_REF = artifact_ref(b"the body of an artefact " * 1000)

POINTS = {
    # point: (calls to the world after the resume, attempts, tokens that count as spent)
    "before intent": (1, 1, 290),
    "after intent": (1, 2, 500 + 290),
    "after call": (2, 2, 500 + 290),
    "after settle": (1, 1, 290),
    "inside artefact": (1, 1, 290),
    "before row": (1, 1, 290),
}


@pytest.fixture
def river(tmp_path: Path, record_for: Callable[..., RunRecord], task: ResearchTask) -> Path:
    async def make() -> None:
        run = await create_run(tmp_path / "runs", record_for(), task, in_loop=False)
        await run.close()

    asyncio.run(make())
    return tmp_path / "runs" / "river"


def table(path: Path, name: str) -> list[dict[str, Any]]:
    return [dict(row) for row in asyncio.run(read_run(path).rows(name))]


def calls(path: Path) -> int:
    return len((path.parent / "calls").read_text().splitlines())


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_costs_at_most_the_effect_in_flight(river: Path, run_child: Child, point: str) -> None:
    killed = run_child(point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert run_status(river) == "crashed"
    resumed = run_child("end")
    assert (resumed.returncode, resumed.stdout.strip()) == (0, BODY_REF), resumed.stderr
    expected_calls, attempts, tokens = POINTS[point]
    assert calls(river) == expected_calls
    [effect] = table(river, "effects")
    assert (effect["state"], effect["attempts"], effect["result"]) == (
        "settled",
        attempts,
        '"' + "answer " * 2000 + '"',
    )
    spent = {line.name: line for line in asyncio.run(read_run(river).spending())}
    assert (spent["tokens"].spent, spent["tokens"].reserved) == (tokens, 0)
    assert sorted(row["name"] for row in table(river, "artifacts")) == ["body", "result", "task"]
    assert asyncio.run(read_run(river).artifacts.get(BODY_REF)) == b"the body of an artefact " * 1000
    assert not list((river / "artifacts").glob("tmp/*"))


def test_a_second_resume_does_nothing(river: Path, run_child: Child) -> None:
    assert run_child("after call").returncode == -signal.SIGKILL
    assert run_child("end").returncode == 0
    before = (table(river, "effects"), table(river, "spending"), table(river, "artifacts"), calls(river))
    assert run_child("end").returncode == 0
    assert (table(river, "effects"), table(river, "spending"), table(river, "artifacts"), calls(river)) == before


def test_two_kills_in_flight_count_twice(river: Path, run_child: Child) -> None:
    assert run_child("after call").returncode == -signal.SIGKILL
    assert run_child("after call").returncode == -signal.SIGKILL
    assert run_child("end").returncode == 0
    assert [row["state"] for row in table(river, "spending")] == ["lost", "lost", "settled"]
    assert calls(river) == 3


def test_without_the_journal_a_settled_effect_is_repeated(river: Path, run_child: Child) -> None:
    assert run_child("after settle").returncode == -signal.SIGKILL
    run_child("end", "journal")
    assert calls(river) == 2


def test_without_the_commit_a_settled_effect_is_lost(river: Path, run_child: Child) -> None:
    assert run_child("after settle", "commit").returncode == -signal.SIGKILL
    assert table(river, "effects") == []


def test_without_the_rename_a_torn_artefact_bears_its_name(river: Path, run_child: Child) -> None:
    assert run_child("inside artefact", "rename").returncode == -signal.SIGKILL
    reader = read_run(river)
    assert reader.artifacts.path(BODY_REF).exists()
    with pytest.raises(DamagedRunError, match="holds other bytes"):
        asyncio.run(reader.artifacts.get(BODY_REF))


def test_a_corrupted_body_is_replaced_by_the_next_put(river: Path, run_child: Child) -> None:
    assert run_child("end").returncode == 0
    path = read_run(river).artifacts.path(BODY_REF)
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    assert run_child("end").returncode == 0
    assert asyncio.run(read_run(river).artifacts.get(BODY_REF)).endswith(b"artefact ")


@pytest.fixture
def holding(river: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lease of `river` until its standard input ends."""
    script = Path(__file__).with_name("driver_child.py")
    child = subprocess.Popen(
        [sys.executable, str(script), str(river), "hold"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.communicate()


def test_a_second_driver_is_refused_and_told_who_drives(river: Path, holding: subprocess.Popen[str]) -> None:
    assert run_status(river) == "running"
    with pytest.raises(RunInUseError, match=f"driven by process {holding.pid};"):
        asyncio.run(open_run(river, in_loop=False))


def test_the_kernel_frees_the_lease_of_a_killed_driver(river: Path, holding: subprocess.Popen[str]) -> None:
    holding.send_signal(signal.SIGKILL)
    holding.wait()
    assert run_status(river) == "crashed"

    async def take_over() -> int:
        run = await open_run(river, in_loop=False)
        await run.close()
        return run.fence

    assert asyncio.run(take_over()) == 3


def test_a_child_of_the_driver_never_holds_its_lease(river: Path) -> None:
    async def main() -> None:
        run = await open_run(river, in_loop=False)
        sleeper = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
        reading, writing = os.pipe()
        forked = os.fork()
        if forked == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        os.close(reading)
        try:
            await run.close()
            again = await open_run(river, in_loop=False)
            await again.close()
        finally:
            os.close(writing)
            os.waitpid(forked, 0)
            sleeper.communicate()

    asyncio.run(main())


def test_looking_at_a_run_does_not_keep_a_driver_out(river: Path) -> None:
    looking = os.open(river / "lease", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    # A look lasts microseconds; whoever looks may be stopped in it, so that a driver waits for him.
    ending = threading.Timer(0.5, os.close, [looking])
    ending.start()

    async def main() -> None:
        await (await open_run(river, in_loop=False)).close()

    asyncio.run(main())
    ending.join()


def test_without_the_lock_the_fence_stops_the_older_driver(
    river: Path, key_for: Callable[..., EffectKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "lock_file", lambda _descriptor: None)

    async def main() -> None:
        old = await open_run(river, in_loop=False)
        ticket: Any = await old.begin_effect(key_for(), "q", Usage(prompt_tokens=7, model_calls=1))
        new = await open_run(river, in_loop=False)
        try:
            record = await old.record()
            for write in (
                old.settle_effect(ticket, EffectOutcome(result="late")),
                old.write_record(record),
                old.artifacts.put(b"body"),
                old.save_question(Question(id="q", question="?", schema={})),
            ):
                with pytest.raises(LeaseLostError, match="driver 3 took it over"):
                    await write
            await new.save_question(Question(id="q", question="?", schema={}))
            # What the older driver had in flight was written off when the newer one came.
            assert (await new.spending())[0].spent == 7
        finally:
            await new.close()
            await old.close()

    asyncio.run(main())


def test_without_lock_and_fence_two_drivers_write_one_run(river: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "lock_file", lambda _descriptor: None)
    monkeypatch.setattr(commits, "check_fence", lambda *_: None)

    async def main() -> None:
        old, new = await open_run(river, in_loop=False), await open_run(river, in_loop=False)
        try:
            await old.add_wall_clock(1.0)
            await old.save_question(Question(id="q", question="?", schema={}))
        finally:
            await new.close()
            await old.close()

    asyncio.run(main())


def test_a_lost_lease_is_not_found_again_by_the_clock(river: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock that jumps back gives nothing back: time worked only grows, by lengths of a monotonic clock.
    async def main() -> None:
        run = await open_run(river, in_loop=False)
        try:
            await run.add_wall_clock(3600)
            monkeypatch.setattr(time, "time", lambda: 1.0)
            await run.add_wall_clock(0)
            hours = {line.name: line.spent for line in await run.spending()}["hours"]
            assert hours == 1.0
        finally:
            await run.close()

    asyncio.run(main())
