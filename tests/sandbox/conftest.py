"""A sandbox to attack, and a place to put what comes out of it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import artifact_ref
from peercycle.core.errors import DamagedRunError
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, ExecResult, Limits
from peercycle.plugins.testing.attacks import PROOFS
from peercycle.plugins.testing.sandbox_suite import table
from peercycle.sandbox import execution
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings
from peercycle.sandbox.place import remove_tree
from peercycle.sandbox.protections import Protection

SMALL = Limits(wall_s=10, memory_mb=256, processes=24, disk_mb=16, files=200, output_bytes=64 << 10)


class Bodies:
    """An artefact store in memory."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> str:
        ref = artifact_ref(data)
        self.held[ref] = data
        return ref

    async def get(self, ref: str) -> bytes:
        if ref not in self.held:
            raise DamagedRunError(f"no artefact {ref}")
        return self.held[ref]

    def path(self, ref: str) -> Path:
        raise DamagedRunError("kept in memory")

    def add(self, data: bytes) -> str:
        return asyncio.run(self.put(data))


class Harness:
    """Runs Python programs in a sandbox, whole or weakened."""

    def __init__(self, settings: BubblewrapSettings) -> None:
        self.settings = settings
        self.bodies = Bodies()
        self.sandbox = BubblewrapSandbox(settings)

    async def arun(
        self, program: str, *args: str, without: tuple[Protection, ...] = (), limits: Limits = SMALL, **request: Any
    ) -> ExecResult:
        asked = ExecRequest(
            argv=request.pop("argv", ("python", "-I", "-S", "-c", program, *args)), limits=limits, **request
        )
        environment = await self.sandbox.prepare(asked.environment)
        if not without:
            return await self.sandbox.run(asked, environment, self.bodies)
        return await execution.execute(self.settings, frozenset(without), asked, environment, self.bodies)

    def run(self, program: str, *args: str, **request: Any) -> ExecResult:
        request.setdefault("environment", EnvironmentSpec(name="base"))
        return asyncio.run(self.arun(program, *args, **request))

    def said(self, program: str, *args: str, **request: Any) -> str:
        result = self.run(program, *args, **request)
        assert result.status == "ok", (result.status, result.stderr.text[-500:])
        return result.stdout.text.strip()


@pytest.fixture(scope="session")
def bodies() -> Bodies:
    return Bodies()


@pytest.fixture(scope="session")
def state() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="peercycle-sandbox-", dir="/var/tmp"))
    made.chmod(0o711)
    yield made
    assert not list((made / "executions").iterdir()) if (made / "executions").exists() else True
    remove_tree(made)


@pytest.fixture(scope="session")
def harness(state: Path) -> Harness:
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap: apt install bubblewrap libseccomp2")
    made = Harness(BubblewrapSettings(state_dir=state))
    probed = asyncio.run(made.sandbox.probe())
    if not probed.available:
        pytest.skip(f"needs a working bubblewrap: {probed.problem}")
    return made


@pytest.fixture(scope="session")
def watched(harness: Harness, state: Path) -> Harness:
    """The same without cgroups: memory watched, processes limited one by one."""
    made = Harness(BubblewrapSettings(state_dir=state, cgroups="off"))
    assert asyncio.run(made.sandbox.probe()).available
    return made


@pytest.fixture(autouse=True, scope="session")
def keep_proofs() -> None:
    """Keep what red rows let through, where `tools/sandbox_table.py` asks for it."""
    if (asked := os.environ.get("PEERCYCLE_KEEP_PROOFS")) is None:
        return
    about = {"kernel": platform.release(), "when": datetime.now(UTC).date().isoformat()}
    PROOFS.append(lambda kind, row, removed, got: table.keep(Path(asked), about, kind, row, list(removed), list(got)))
