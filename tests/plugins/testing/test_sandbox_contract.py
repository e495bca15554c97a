"""The contract of sandboxes, held to by sandboxes broken on purpose.

`Unboxed` is no sandbox: it runs the contract's own harmless programs as plain processes, so that the checks of
the contract can be tried where no sandbox works. It claims no guarantee.
"""

# A component that is broken on purpose may override its parent with other parameters.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.journal import ArtifactStore
from peercycle.core.sandboxing import (
    EnvironmentRef,
    EnvironmentSpec,
    ExecRequest,
    ExecResult,
    OutputFile,
    ProbeResult,
    StreamCapture,
)
from peercycle.plugins.testing import AttackContract, SandboxContract, failures


class Unboxed:
    name = "unboxed"

    async def probe(self) -> ProbeResult:
        return ProbeResult(backend=self.name, available=True)

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        return EnvironmentRef(name=spec.name, digest="0", backend=self.name, location="")

    def variables(self, request: ExecRequest) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **request.variables}

    async def collect(self, request: ExecRequest, folder: Path, artifacts: ArtifactStore) -> tuple[OutputFile, ...]:
        paths = sorted(path for glob in request.outputs for path in folder.glob(glob))
        bodies = [(path, path.read_bytes()) for path in paths]
        return tuple(
            [OutputFile(path=path.name, size=len(body), artifact=await artifacts.put(body)) for path, body in bodies]
        )

    def guard(self, program: str) -> str:
        """Root may write what is read-only, so the program's own `open` refuses where it runs as root."""
        return (
            "import builtins as b, os; o = b.open\n"
            "def _open(p, m='r', *a, **k):\n"
            "    if set(m) & set('wa+') and os.path.exists(p) and not os.stat(p).st_mode & 0o200:\n"
            "        raise PermissionError(p)\n"
            "    return o(p, m, *a, **k)\n"
            f"b.open = _open\n{program}"
        )

    async def end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def run(
        self, request: ExecRequest, environment: EnvironmentRef, artifacts: ArtifactStore, on_output: Any = None
    ) -> ExecResult:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, ref in request.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(await artifacts.get(ref))
                (folder / path).chmod(0o444)
            pipe = asyncio.subprocess.PIPE
            command = [sys.executable, "-c", self.guard(request.argv[2])]
            process = await asyncio.create_subprocess_exec(
                *command, cwd=folder, env=self.variables(request), stdout=pipe, stderr=pipe, start_new_session=True
            )
            try:
                out, err = await asyncio.wait_for(process.communicate(), self.patience(request))
                status = "ok" if process.returncode == 0 else "nonzero"
            except TimeoutError:
                out, err, status = b"", b"", "timeout"
            finally:
                await self.end(process)
            return self.result(request, status, process, out, err, await self.collect(request, folder, artifacts))

    def patience(self, request: ExecRequest) -> float:
        return request.limits.wall_s

    def result(
        self, request: ExecRequest, status: str, process: Any, out: bytes, err: bytes, outputs: tuple[OutputFile, ...]
    ) -> ExecResult:
        most = request.limits.output_bytes
        cut = len(out) > most
        stdout = StreamCapture(head=out[:most].decode(), truncated=cut, total_bytes=len(out))
        return ExecResult.model_validate(
            {
                "status": "output_limit" if cut else status,
                "exit_code": process.returncode,
                "stdout": stdout,
                "stderr": StreamCapture(head=err.decode()[-4000:]),
                "duration_s": 0,
                "outputs": outputs,
                "backend": self.name,
            }
        )

    async def reap(self) -> tuple[str, ...]:
        return ()


class Held(SandboxContract):
    """The contract without the guarantees, which only a real sandbox can show."""

    requires = frozenset()


# What is no sandbox is not attacked, and need not say so a hundred times.
for _name in [name for name in dir(AttackContract) if name.startswith("test_")]:
    setattr(Held, _name, None)


class TestUnboxed(Held):
    def sandbox(self) -> Any:
        return Unboxed()


class LeaksTheEnvironment(Unboxed):
    def variables(self, request: ExecRequest) -> dict[str, str]:
        return dict(os.environ)


class NeverEnds(Unboxed):
    def patience(self, request: ExecRequest) -> float:
        return 3.0

    def result(self, request: ExecRequest, status: str, *rest: Any) -> ExecResult:
        return super().result(request, "killed" if status == "timeout" else status, *rest)


class KeepsEverything(Unboxed):
    def result(
        self, request: ExecRequest, status: str, process: Any, out: bytes, err: bytes, outputs: tuple[OutputFile, ...]
    ) -> ExecResult:
        free = request.model_copy(update={"limits": request.limits.model_copy(update={"output_bytes": 1 << 30})})
        return super().result(free, status, process, out, err, outputs)


class CollectsNothing(Unboxed):
    async def collect(self, request: ExecRequest, folder: Path, artifacts: ArtifactStore) -> tuple[OutputFile, ...]:
        return ()


class RaisesOnFailure(Unboxed):
    def result(self, request: ExecRequest, status: str, *rest: Any) -> ExecResult:
        if status == "nonzero":
            raise RuntimeError("the program failed")
        return super().result(request, status, *rest)


class CallsItOk(Unboxed):
    def result(self, request: ExecRequest, status: str, *rest: Any) -> ExecResult:
        return super().result(request, "ok", *rest)


class InputsCanBeWritten(Unboxed):
    def guard(self, program: str) -> str:
        return f"import os\nfor d, _, fs in os.walk('.'):\n    [os.chmod(os.path.join(d, f), 0o644) for f in fs]\n{program}"


class LeavesProcesses(Unboxed):
    async def end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class ClaimsWhatItCannotShow(Unboxed):
    pass


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (LeaksTheEnvironment, "test_the_environment_of_this_process_does_not_leak"),
        (NeverEnds, "test_a_program_that_runs_too_long_is_ended"),
        (KeepsEverything, "test_too_much_output_ends_the_program_and_is_cut"),
        (CollectsNothing, "test_declared_outputs_come_back"),
        (RaisesOnFailure, "test_it_plays_to_the_end"),
        (CallsItOk, "test_a_program_that_fails_is_a_result"),
        (InputsCanBeWritten, "test_inputs_are_there_and_read_only"),
        (LeavesProcesses, "test_cancellation_leaves_no_process"),
    ],
)
def test_the_sandbox_contract_catches(broken: type[Any], check: str) -> None:
    class Broken(Held):
        def sandbox(self) -> Any:
            return broken()

    assert check in failures(Broken, only=check)


def test_a_guarantee_that_the_probe_does_not_show_is_caught() -> None:
    class Claims(SandboxContract):
        def sandbox(self) -> Any:
            return ClaimsWhatItCannotShow()

    assert "test_its_probe_shows_what_it_claims" in failures(Claims, only="test_its_probe_shows_what_it_claims")
