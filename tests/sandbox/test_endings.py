"""How an execution ends, and that nothing of it stays: results, streams, cancellation, dead drivers."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from peercycle.core.contracts import Sandbox
from peercycle.core.errors import RefusedRequestError, SandboxError, SandboxUnavailableError
from peercycle.core.sandboxing import DataSpec, EnvironmentSpec, ExecRequest, Limits
from peercycle.sandbox import cgroups, execution, slots
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.protections import Protection
from peercycle.sandbox.slots import acquire

if TYPE_CHECKING:
    from tests.sandbox.conftest import Harness

BASE = EnvironmentSpec(name="base")


def running(mark: str) -> list[int]:
    """Processes of this machine whose command line holds a mark."""
    found = []
    for pid in (path.name for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            if mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
        except OSError:
            continue
    return found


def inside(mark: str) -> list[int]:
    """Those of them that run in a sandbox: a child on its way to exec still shows its parent's command line."""
    return [p for p in running(mark) if Path(f"/proc/{p}/cmdline").read_bytes().startswith(b"/env/bin/python")]


def leftovers(state: Path) -> list[str]:
    groups = []
    hierarchy = cgroups.find()
    if hierarchy is not None:
        for parent in {hierarchy.memory, hierarchy.pids}:
            groups += [str(p) for p in parent.glob(f"{cgroups.PREFIX}{os.getpid()}-*")]
    executions = state / "executions"
    return groups + [p.name for p in executions.iterdir()] if executions.exists() else groups


def test_it_is_a_sandbox(harness: Harness) -> None:
    sandbox: Sandbox = harness.sandbox
    assert sandbox.name == "bubblewrap"


def test_a_program_that_fails_is_a_result(harness: Harness) -> None:
    result = harness.run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (result.status, result.exit_code, result.signal) == ("nonzero", 3, None)
    assert (result.stdout.text, result.stderr.text) == ("out\n", "err\n")
    assert result.backend == "bubblewrap"
    assert len(result.guarantees) == 8
    assert result.environment_digest


def test_a_program_that_does_not_exist_is_a_result(harness: Harness) -> None:
    result = harness.run("", argv=("no-such-program",))
    assert (result.status, result.exit_code) == ("nonzero", 127)
    assert "no-such-program" in result.stderr.text


def test_every_execution_sees_the_same_small_environment(harness: Harness) -> None:
    said = harness.said(
        "import os, json; print(json.dumps([os.environ['OMP_NUM_THREADS'], os.environ['TZ'], os.environ['X'],"
        " os.environ['PYTHONHASHSEED'], os.getcwd(), os.environ['HOME']])); open(os.environ['HOME'] + '/x', 'w')",
        variables={"X": "set"},
    )
    assert said == '["1", "UTC", "set", "0", "/work", "/tmp/home"]'


def test_output_streams_to_the_caller_as_it_comes(harness: Harness) -> None:
    async def main() -> None:
        seen: list[bytes] = []
        came = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_output(name: Literal["stdout", "stderr"], chunk: bytes) -> None:
            seen.append(chunk)
            loop.call_soon_threadsafe(came.set)

        environment = await harness.sandbox.prepare(BASE)
        program = "import time\nprint('one', flush=True); print('two', flush=True)"
        request = ExecRequest(argv=("python", "-c", program), environment=BASE)
        result = await harness.sandbox.run(request, environment, harness.bodies, on_output)
        assert b"".join(seen) == b"one\ntwo\n" == result.stdout.text.encode()
        seen.clear()
        came.clear()
        # It does not end by itself within its limits: what is heard of it is heard while it runs.
        request = ExecRequest(argv=("python", "-c", f"{program}; time.sleep(600)"), environment=BASE)
        running = asyncio.create_task(harness.sandbox.run(request, environment, harness.bodies, on_output))
        await asyncio.wait({running, asyncio.create_task(came.wait())}, return_when=asyncio.FIRST_COMPLETED)
        assert seen and not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())


def test_data_is_verified_and_read_only(harness: Harness, tmp_path: Path) -> None:
    body = b"1,2,3\n"
    ref = harness.bodies.add(body)
    path = tmp_path / "local.csv"
    path.write_bytes(body)
    data = (
        DataSpec(name="a.csv", kind="artifact", source=ref),
        DataSpec(name="b.csv", kind="path", source=str(path), sha256=ref.removeprefix("sha256:")),
    )
    program = "print(open('data/a.csv').read() == open('data/b.csv').read() == '1,2,3\\n')\nopen('data/c', 'w')"
    result = harness.run(program, data=data)
    assert result.stdout.text == "True\n"
    assert "Read-only file system" in result.stderr.text
    # What a hash names is kept, whatever becomes of the file it was read from.
    path.write_bytes(b"changed")
    assert harness.run(program, data=data).stdout.text == "True\n"
    other = (DataSpec(name="c.csv", kind="path", source=str(path), sha256="0" * 64),)
    with pytest.raises(SandboxError, match=r"'c.csv' has changed: sha256 is"):
        harness.run(program, data=other)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"limits": Limits(gpus=1)}, "hands out no GPU"),
        ({"files": {"../x": "sha256:" + "0" * 64}}, "must be a plain relative path"),
        ({"files": {"a": "sha256:" + "0" * 64, "a/b": "sha256:" + "0" * 64}}, "a file and a folder at once"),
        ({"variables": {"A B": "x"}}, "environment variable 'A B'"),
        ({"data": (DataSpec(name="d", kind="url", source="https://x"),)}, "a URL without its hash"),
        ({"data": (DataSpec(name="d", kind="huggingface", source="a/b"),)}, "without `revision`"),
        (
            {"data": (DataSpec(name="d", kind="url", source="https://x", sha256="0" * 64),)},
            r"'d' \(https://x\) is not here: .*peercycle sandbox prepare",
        ),
        ({"data": (DataSpec(name="d", kind="path", source="/x"),)}, "set `sha256`"),
        ({"argv": ("a\0b",)}, "NUL"),
        ({"argv": ("python", "-c", "#" * 131_072)}, "one argument has 131072 bytes, over 131071"),
        ({"argv": ("true", *["#" * 65_536] * 16)}, "the arguments of one execution have 1048580 bytes"),
        ({"argv": ("true",) * 3001}, "one execution has 3001 arguments, over 3000"),
        ({"variables": {f"V{n}": "" for n in range(501)}}, "one execution has 501 environment variables, over 500"),
        (
            {"data": tuple(DataSpec(name=f"d{n}", kind="artifact", source="sha256:" + "0" * 64) for n in range(501))},
            "501 pieces of data, over 500",
        ),
        ({"argv": ("python", "half \ud800")}, "an argument is no text"),
        ({"variables": {"A": "half \ud800"}}, "environment variable 'A' is no text"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_in_one_line(
    harness: Harness, asked: dict[str, object], message: str
) -> None:
    with pytest.raises(RefusedRequestError, match=message) as caught:
        harness.run("print('ran')", **asked)
    assert "\n" not in str(caught.value)


def test_a_cancelled_execution_leaves_nothing(harness: Harness, state: Path) -> None:
    async def main() -> None:
        mark = secrets.token_hex(8)
        program = "import os, time\nos.fork()\nprint('up', flush=True)\ntime.sleep(30)"
        task = asyncio.ensure_future(harness.arun(program, mark, environment=BASE))
        while len(running(mark)) < 2:
            await asyncio.sleep(0.02)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 15
        assert running(mark) == []
        assert leftovers(state) == []

    asyncio.run(main())


def test_eight_run_at_once_and_see_nothing_of_each_other(harness: Harness, state: Path) -> None:
    async def main() -> None:
        program = """
import os, sys, time
open("mine", "w").write(sys.argv[1])
began = time.monotonic()
time.sleep(2)
print(open("mine").read(), os.listdir("."), len([p for p in os.listdir("/proc") if p.isdigit()]))
print(began, time.monotonic())
"""
        results = await asyncio.gather(*(harness.arun(program, str(n), environment=BASE) for n in range(8)))
        said = [r.stdout.text.splitlines() for r in results]
        assert [first for first, _ in said] == [f"{n} ['mine'] 2" for n in range(8)]
        spans = sorted(tuple(map(float, times.split())) for _, times in said)
        # By the machine's one clock, and however slowly each starts: they did not run one after another.
        assert sum(begin < end for (_, end), (begin, _) in pairwise(spans)) >= 4
        assert leftovers(state) == []

    asyncio.run(main())


def test_more_executions_than_slots_wait_their_turn(state: Path) -> None:
    async def main() -> None:
        settings = BubblewrapSettings(state_dir=state, slots=1)
        held = await acquire(settings)
        waiting = asyncio.ensure_future(acquire(settings))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        held.release()
        (await asyncio.wait_for(waiting, 60)).release()

    asyncio.run(main())


def test_a_slot_is_taken_in_no_loops_thread_and_given_back_by_one_cancelled_meanwhile(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    trying, cancelled = threading.Event(), threading.Event()
    real = slots._try_all

    def noted(folder: Path, count: int) -> tuple[int, int] | None:
        threads.add(threading.get_ident())
        found = real(folder, count)
        trying.set()
        assert threading.get_ident() == threading.main_thread().ident or cancelled.wait(60)
        return found

    monkeypatch.setattr(slots, "_try_all", noted)

    async def main() -> None:
        settings = BubblewrapSettings(state_dir=state, slots=1)
        given_up = asyncio.ensure_future(acquire(settings))
        assert await asyncio.to_thread(trying.wait, 60)
        given_up.cancel()
        await asyncio.sleep(0)
        cancelled.set()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        (await asyncio.wait_for(acquire(settings), 30)).release()

    asyncio.run(main())
    assert threads and threading.get_ident() not in threads


DRIVER = """
import asyncio, sys
from pathlib import Path
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.protections import Protection
from peercycle.sandbox.canaries import NoArtifacts

async def main():
    sandbox = BubblewrapSandbox(BubblewrapSettings(state_dir=Path(sys.argv[1])))
    base = EnvironmentSpec(name="base")
    program = "import os, time\\nif os.fork() == 0: os.setsid()\\nprint('up', flush=True)\\ntime.sleep(60)"
    request = ExecRequest(argv=("python", "-c", program, sys.argv[2]), environment=base, requires=frozenset())
    await sandbox.run(request, await sandbox.prepare(base), NoArtifacts())

asyncio.run(main())
"""


def test_a_driver_killed_by_signal_9_leaves_no_process_and_where_its_reaper_dies_too_reap_removes_the_rest(
    harness: Harness, state: Path
) -> None:
    mark = secrets.token_hex(8)
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(state), mark], stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 30
        while len(inside(mark)) < 2 and time.monotonic() < end:
            assert driver.poll() is None, driver.communicate()
            time.sleep(0.02)
        # A living driver's execution is left alone.
        assert not of(state, asyncio.run(harness.sandbox.reap()))
        for reaper in running(f"reaper.py\0{driver.pid}\0"):
            os.kill(reaper, signal.SIGKILL)
        driver.kill()
        assert driver.wait() == -signal.SIGKILL
    finally:
        driver.kill()
        driver.communicate()
    end = time.monotonic() + 12
    while running(mark) and time.monotonic() < end:
        time.sleep(0.02)
    assert running(mark) == []
    assert len(list((state / "executions").iterdir())) == 1
    removed = asyncio.run(harness.sandbox.reap())
    assert any(str(state) in line for line in removed)
    if cgroups.find() is not None:
        assert sum("cgroup" in line for line in removed) >= 1
    assert leftovers(state) == []
    assert not of(state, asyncio.run(harness.sandbox.reap()))


def of(state: Path, removed: tuple[str, ...]) -> list[str]:
    """What was removed of ours; other drivers of this machine die too."""
    return [line for line in removed if str(state) in line]


def test_a_sandbox_killed_from_outside_is_an_error_and_no_result(harness: Harness, state: Path) -> None:
    async def main() -> None:
        mark = secrets.token_hex(8)
        task = asyncio.ensure_future(harness.arun("import time; time.sleep(30)", mark, environment=BASE))
        while not (found := [p for p in running(mark) if Path(f"/proc/{p}/comm").read_text() == "bwrap\n"]):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        os.kill(min(found), signal.SIGKILL)
        with pytest.raises(SandboxError, match="died of signal 9"):
            await task
        assert running(mark) == []
        assert leftovers(state) == []

    asyncio.run(main())


def test_without_bubblewrap_the_probe_says_what_to_install(state: Path) -> None:
    sandbox = BubblewrapSandbox(BubblewrapSettings(state_dir=state, bwrap="no-such-bwrap"))
    probed = asyncio.run(sandbox.probe())
    assert not probed.available
    assert probed.guarantees == frozenset()
    assert "apt install bubblewrap" in (probed.fix or "")


WEAK: dict[tuple[Protection, ...], str] = {
    ("clean_environment",): "environment_clean",
    ("network_namespace",): "network_none",
    ("mount_namespace",): "host_files_hidden",
    ("process_limit",): "processes_limited",
    ("memory_limit",): "memory_limited",
    ("disk_watch",): "disk_limited",
    ("die_with_parent",): "dies_with_driver",
    ("sysctl_mount", "unprivileged_uid"): "sysctl_read_only",
}


@pytest.mark.parametrize("without", sorted(WEAK))
def test_each_canary_dies_without_its_protection(harness: Harness, without: tuple[Protection, ...]) -> None:
    if "unprivileged_uid" in without and os.geteuid() != 0:
        pytest.skip("needs root: an ordinary user has no privileged uid to keep")

    async def main() -> None:
        weak = BubblewrapSandbox.weakened(harness.settings, frozenset(without))
        probed = await weak.probe()
        failed = {canary.guarantee: canary for canary in probed.canaries if not canary.passed}
        assert set(failed) == {WEAK[without]}, failed
        request = ExecRequest(argv=("python", "-c", "1"), environment=BASE)
        with pytest.raises(SandboxUnavailableError, match=f"'bubblewrap' does not hold '{WEAK[without]}'"):
            await weak.run(request, await weak.prepare(BASE), harness.bodies)

    asyncio.run(main())


def test_a_cancelled_wait_for_cleaning_up_still_cleans_up() -> None:
    async def main() -> None:
        done: list[int] = []

        def slow() -> None:
            time.sleep(0.3)
            done.append(1)

        task = asyncio.ensure_future(execution.to_the_end(slow))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [1]

    asyncio.run(main())
