"""What the store's tests share: records, keys, and runs that are closed in the end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import artifact_ref, canonical_json, sha256_hex
from peercycle.core.journal import EffectKey
from peercycle.core.runs import Budget, RunOptions, RunRecord
from peercycle.core.writing import ResearchTask
from peercycle.store.directory import RunDirectory, create_run, open_run

TASK = ResearchTask(topic="How rivers meander")


@pytest.fixture
def task() -> ResearchTask:
    return TASK


@pytest.fixture
def record_for() -> Callable[..., RunRecord]:
    def make(run_id: str = "river", **budget: Any) -> RunRecord:
        return RunRecord(
            run_id=run_id,
            created_at=1_700_000_000.25,
            peercycle_version="0.1.0",
            options=RunOptions(budget=Budget(**budget)),
            task=artifact_ref(canonical_json(TASK)),
            fingerprint={"policy": "extractive"},
        )

    return make


@pytest.fixture
def key_for() -> Callable[..., EffectKey]:
    def make(request: Any = "q", *, kind: str = "model", occurrence: int = 0) -> EffectKey:
        return EffectKey("c0", "write", 1, kind, sha256_hex(canonical_json(request)), occurrence)

    return make


@pytest.fixture(params=[False, True], ids=["in a thread", "in the loop"])
def in_loop(request: pytest.FixtureRequest) -> bool:
    """Where the store commits; all that it promises holds in both places."""
    return bool(request.param)


RunScope = Callable[..., AbstractAsyncContextManager[RunDirectory]]


@pytest.fixture
def new_run(tmp_path: Path, record_for: Callable[..., RunRecord], in_loop: bool) -> RunScope:
    @asynccontextmanager
    async def scope(run_id: str = "river", **budget: Any) -> AsyncIterator[RunDirectory]:
        run = await create_run(tmp_path / "runs", record_for(run_id, **budget), TASK, in_loop=in_loop)
        try:
            yield run
        finally:
            await run.close()

    return scope


@pytest.fixture
def reopened(tmp_path: Path, in_loop: bool) -> RunScope:
    @asynccontextmanager
    async def scope(run_id: str = "river") -> AsyncIterator[RunDirectory]:
        run = await open_run(tmp_path / "runs" / run_id, in_loop=in_loop)
        try:
            yield run
        finally:
            await run.close()

    return scope


@pytest.fixture
def run_child(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `driver_child.py` beside this file on the run `river`, which must exist."""

    def run(point: str, *more: str) -> subprocess.CompletedProcess[str]:
        script = Path(__file__).with_name("driver_child.py")
        command = [sys.executable, str(script), str(tmp_path / "runs" / "river"), point, *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run
