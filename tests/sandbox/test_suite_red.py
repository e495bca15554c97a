"""Red runs of the rows that have no protection to remove: the host itself is made careless."""

from __future__ import annotations

import asyncio
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.base import artifact_ref
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec, ExecResult, OutputFile
from peercycle.graphs.stages import results
from peercycle.plugins.testing.journal import BenchArtifacts
from peercycle.plugins.testing.sandbox_suite import ROWS
from peercycle.plugins.testing.sandbox_suite.ground import Ground


class Store(BenchArtifacts):
    """Keeps whatever mode a body is said to have."""

    def __init__(self, folder: Path, *, mode: int = 0o600) -> None:
        super().__init__(folder)
        self.mode = mode

    async def put(self, data: bytes, *, media_type: str = "application/octet-stream", name: str = "") -> str:
        ref = await super().put(data)
        self.path(ref).chmod(self.mode)
        return ref


class Careless:
    """Stands for a sandbox whose outputs are loaded by whoever collects them."""

    name = "careless"

    def __init__(self, bodies: dict[str, bytes], *, loads: bool) -> None:
        self.bodies = bodies
        self.loads = loads

    async def run(self, request: Any, environment: Any, artifacts: Any, on_output: Any = None) -> ExecResult:
        argument = request.argv[-1]
        bodies = {**self.bodies}
        if self.loads:
            bodies = {f"a.{n}": b"" for n in range(7)} | {"deep.json": b"[" * 200_000, "nan.json": b'{"m": NaN}'}
            pickle.loads(pickle.dumps(Trap(argument)))
        outputs = [
            OutputFile(path=n, size=len(b), artifact=await artifacts.put(b), sha256=artifact_ref(b)[7:])
            for n, b in bodies.items()
        ]
        return ExecResult(status="ok", duration_s=0, outputs=tuple(outputs), backend=self.name)


class Trap:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def ground(tmp_path: Path, sandbox: Any, store: Store) -> Ground:
    environment = EnvironmentRef(name="base", digest="0", backend="careless", location="")
    (tmp_path / "bait").mkdir()
    return Ground(
        kind="", sandbox=sandbox, fresh=lambda: sandbox, environment=environment, spec=EnvironmentSpec(name="base"),
        requires=frozenset(), without=frozenset(), folder=tmp_path / "bait", artifacts=store,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:unclosed file")
def test_outputs_that_are_loaded_are_noticed(tmp_path: Path) -> None:
    at = ground(tmp_path, Careless({}, loads=True), Store(tmp_path / "store"))
    found = asyncio.run(ROWS["nothing_that_is_collected_is_loaded"].check(at))
    assert found[0] == "something that was collected has been loaded"


def test_results_read_without_care_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "parse_results", lambda body, *_: json.loads(body)["measurements"])
    at = ground(tmp_path, Careless({"deep.json": b"[" * 200_000, "nan.json": b'{"measurements": [NaN]}'}, loads=False),
                Store(tmp_path / "store"))  # fmt: skip
    found = asyncio.run(ROWS["nothing_that_is_collected_is_loaded"].check(at))
    assert "reading deep.json raised RecursionError" in found
    assert "nan.json was read as results" in found
    assert "many was read as results" in found


def test_a_mode_that_is_carried_out_is_noticed(tmp_path: Path) -> None:
    at = ground(tmp_path, Careless({"tool": b"#!/bin/sh\n"}, loads=False), Store(tmp_path / "store", mode=0o4755))
    found = asyncio.run(ROWS["a_setuid_bit_does_not_come_out"].check(at))
    assert found == ["0o104755 was stored"]
