"""The contract of sandboxes."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from peercycle.core.base import JSON
from peercycle.core.contracts import Sandbox
from peercycle.core.sandboxing import EnvironmentRef, ExecRequest, ExecResult, Limits
from peercycle.plugins.testing.attacks import AttackContract
from peercycle.plugins.testing.context import Bench
from peercycle.plugins.testing.contract import ReplayContract, Take

_COUNT = "import sys; print('out'); print('err', file=sys.stderr); open('made.txt', 'w').write('made'); sys.exit({})"
_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"

_PARENT = """
import subprocess, sys, time
quiet = subprocess.DEVNULL
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(50)", {!r}], stdout=quiet, stderr=quiet)
time.sleep(50)
"""


class SandboxContract(ReplayContract, AttackContract):
    """A sandbox and small programs: what comes back, what is kept out, and what is left behind.

        class TestMine(SandboxContract):
            def sandbox(self):
                return Mine(MineSettings())

    It brings every attack and behaviour of the suite, each as a test. Skips where the sandbox's own probe says that it
    cannot run here. `requires` holds the guarantees that the sandbox claims; the probe must show each.
    """

    def subject(self) -> Sandbox:
        """Return a fresh sandbox."""
        return self.sandbox()

    def request(self, program: str, **options: Any) -> ExecRequest:
        """Return a request to run a Python program."""
        options.setdefault("limits", Limits(wall_s=20))
        argv = ("python", "-c", program)
        return ExecRequest(argv=argv, environment=self.environment, requires=self.requires, **options)

    async def play(self, take: Take, bench: Bench) -> JSON:
        """Run two programs through the journal, one of which fails."""
        await self._available()
        said: list[JSON] = []
        for number, code in enumerate((0, 3)):
            sandbox = await take()
            ctx = bench.context("experiment", visit=number + 1)
            request = self.request(_COUNT.format(code), outputs=("*.txt",))

            async def run(sandbox: Sandbox = sandbox, request: ExecRequest = request) -> JSON:
                result = await self._run(sandbox, request, bench)
                return await _content(result, bench)

            said.append(await ctx.effect("sandbox", {"argv": list(request.argv)}, run))
        return said

    def test_its_probe_shows_what_it_claims(self) -> None:
        """The probe runs the canaries here and now, and the claimed guarantees are among those that passed."""

        async def probe() -> None:
            found = await self.sandbox().probe()
            missing = sorted(self.requires - found.guarantees)
            assert not missing, f"claimed and not shown by the probe: {missing}"

        self._alone(probe)

    def test_a_program_that_fails_is_a_result(self) -> None:
        """Exit code and both streams come back; nothing is raised."""
        for line, code in zip(self._said(), (0, 3), strict=True):
            assert line["status"] == ("ok" if code == 0 else "nonzero"), (
                f"exit code {code} is called {line['status']!r}"
            )
            assert line["exit_code"] == code, f"exit code {line['exit_code']} came back for {code}"
            assert (line["stdout"], line["stderr"]) == ("out\n", "err\n"), "the streams are not the program's"

    def test_declared_outputs_come_back(self) -> None:
        """Files under a declared glob are collected with their content, also of a program that failed."""
        for line in self._said():
            assert line["outputs"] == {"made.txt": base64.b64encode(b"made").decode()}, (
                f"collected: {line['outputs']}"
            )

    def test_inputs_are_there_and_read_only(self) -> None:
        """A file of the request can be read under its path, and not be written."""
        program = "print(open('data/in.txt').read()); open('data/in.txt', 'a')"

        async def check(bench: Bench) -> None:
            ref = await bench.artifacts.put(b"given")
            result = await self._run(self.sandbox(), self.request(program, files={"data/in.txt": ref}), bench)
            assert result.stdout.text.strip() == "given", (
                f"the input reads {result.stdout.text!r}: {result.stderr.text}"
            )
            assert result.status == "nonzero", "the program could open its input for writing"

        self._with_bench(check)

    def test_the_environment_of_this_process_does_not_leak(self) -> None:
        """No variable of the driver reaches the program: keys are kept there."""
        secret = uuid.uuid4().hex

        async def check(bench: Bench) -> None:
            os.environ["PEERCYCLE_CANARY"] = secret
            result = await self._run(self.sandbox(), self.request(_ENVIRONMENT), bench)
            assert result.status == "ok", result.stderr.text
            assert secret not in result.stdout.text, (
                "PEERCYCLE_CANARY of this process is in the program's environment"
            )

        self._with_bench(check)

    def test_a_program_that_runs_too_long_is_ended(self) -> None:
        """`timeout`, within a few seconds of the limit."""

        async def check(bench: Bench) -> None:
            began = time.monotonic()
            request = self.request("import time; time.sleep(60)", limits=Limits(wall_s=1))
            result = await self._run(self.sandbox(), request, bench)
            assert result.status == "timeout", f"a program past its limit is called {result.status!r}"
            assert time.monotonic() - began < 15, "it was ended far too late"

        self._with_bench(check)

    def test_too_much_output_ends_the_program_and_is_cut(self) -> None:
        """Standard output is limited, and the result says that it was cut."""

        async def check(bench: Bench) -> None:
            request = self.request("print('x' * 5_000_000)", limits=Limits(wall_s=20, output_bytes=4096))
            result = await self._run(self.sandbox(), request, bench)
            assert result.status == "output_limit", f"5 MB of output are called {result.status!r}"
            assert len(result.stdout.text) < 20_000, f"{len(result.stdout.text)} characters were kept of at most 4096"

        self._with_bench(check)

    def test_cancellation_leaves_no_process(self) -> None:
        """A cancelled run ends its program, and what the program started."""
        mark = f"peercycle-canary-{uuid.uuid4().hex}"

        async def check(bench: Bench) -> None:
            request = self.request(_PARENT.format(mark), limits=Limits(wall_s=60))
            run = asyncio.create_task(self._run(self.sandbox(), request, bench))
            deadline = time.monotonic() + 15
            while not await asyncio.to_thread(_processes_with, mark) and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.5)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await asyncio.sleep(0.5)
            left = await asyncio.to_thread(_processes_with, mark)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            assert not left, f"{len(left)} processes are left"

        self._with_bench(check)

    def _said(self) -> list[dict[str, Any]]:
        self._alone(self._available)
        said = self.said()
        assert isinstance(said, list)
        return [line for line in said if isinstance(line, dict)]

    def _child(self, *args: Any, **options: Any) -> Any:
        # Asked here, where a skip can be seen by pytest.
        self._alone(self._available)
        return super()._child(*args, **options)

    async def _available(self) -> None:
        probe = await self.sandbox().probe()
        if not probe.available:
            pytest.skip(f"needs a machine that it works on: {probe.problem}; {probe.fix or ''}")

    async def _run(self, sandbox: Sandbox, request: ExecRequest, bench: Bench) -> ExecResult:
        environment: EnvironmentRef = await sandbox.prepare(self.environment)
        return await sandbox.run(request, environment, bench.artifacts)

    def _with_bench(self, check: Callable[[Bench], Awaitable[None]]) -> None:
        from peercycle.plugins.testing.contract import temporary_folder

        self._alone(self._available)
        with temporary_folder() as folder:

            async def task() -> JSON:
                await check(self.bench(folder))
                return None

            self._in_a_child(task)

    def _alone(self, task: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            await task()

        asyncio.run(whole())


async def _content(result: ExecResult, bench: Bench) -> JSON:
    """Return what of a result is content: the same for the same program."""
    bodies: dict[str, JSON] = {
        file.path: base64.b64encode(await bench.artifacts.get(file.artifact)).decode() for file in result.outputs
    }
    return {
        "status": result.status,
        "exit_code": result.exit_code,
        "stdout": result.stdout.text,
        "stderr": result.stderr.text,
        "outputs": bodies,
    }


def _processes_with(mark: str) -> list[int]:
    """Return the processes that have `mark` as an argument of its own."""
    import subprocess

    listed = subprocess.run(
        ["ps", "-e", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if line.rstrip().endswith(f" {mark}")]
