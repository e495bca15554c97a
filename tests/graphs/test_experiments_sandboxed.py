"""What a run makes of what its sandbox says: a program's failure goes to its author, the sandbox's never does."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.agents.policies.scripted import ScriptedPolicy, ScriptedSettings
from peercycle.core.contracts import ArtifactStore
from peercycle.core.errors import SandboxError, SandboxUnavailableError
from peercycle.core.experiments import Experiment
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import (
    ALL_GUARANTEES,
    CanaryResult,
    DataRecord,
    EnvironmentRef,
    EnvironmentSpec,
    ExecRequest,
    ExecResult,
    Guarantee,
    OutputFile,
    ProbeResult,
    StreamCapture,
)
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run

Options = Callable[..., RunOptions]
KitOf = Callable[..., Plugins]
FAKE = b'{"measurements": [{"metric": "accuracy", "value": 1.0}]}'


class Told(ScriptedPolicy):
    """Tries another program each time, and keeps what it was told of the last."""

    def __init__(self, settings: ScriptedSettings) -> None:
        super().__init__(settings)
        self.told: list[str] = []

    async def repair(self, work: Any, experiment: Experiment, failure: str, ctx: Any) -> Any:
        self.told.append(failure)
        from peercycle.core.contracts import Turn

        return Turn(experiment.model_copy(update={"script": f"{experiment.script}\n# try {len(self.told)}"}))


class Answering:
    """Stands for a sandbox: says what it was made with, and holds what it was told to hold."""

    name = "answering"

    def __init__(self, answer: Any, held: frozenset[Guarantee] = ALL_GUARANTEES) -> None:
        self.answer = answer
        self.held = held
        self.ran = 0

    async def probe(self) -> ProbeResult:
        canaries = [
            CanaryResult(guarantee=g, passed=g in self.held, detail="got out", fix="mend it so")
            for g in ALL_GUARANTEES
        ]
        return ProbeResult(backend=self.name, available=True, canaries=tuple(canaries))

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        return EnvironmentRef(name=spec.name, digest="d", backend=self.name, location="/")

    async def run(
        self, request: ExecRequest, environment: EnvironmentRef, artifacts: ArtifactStore, on_output: Any = None
    ) -> ExecResult:
        self.ran += 1
        self.requires = request.requires
        if isinstance(self.answer, Exception):
            raise self.answer
        outputs = [
            OutputFile(path=name, size=len(body), artifact=await artifacts.put(body))
            for name, body in self.answer.pop("files", {}).items()
        ]
        return ExecResult(duration_s=0.0, backend=self.name, outputs=tuple(outputs), **self.answer)

    async def reap(self) -> tuple[str, ...]:
        return ()


class Parts:
    def __init__(self, sandbox: Answering) -> None:
        self.sandbox = sandbox
        self.policy: Told | None = None

    def _policy(self, settings: ScriptedSettings) -> Told:
        self.policy = self.policy or Told(settings)
        return self.policy

    @hookimpl
    def register_sandboxes(self, register: Any) -> None:
        register("answering", lambda settings: self.sandbox)

    @hookimpl
    def register_policies(self, register: Any) -> None:
        register("told", self._policy, ScriptedSettings)


def asked(options: Options, **changes: Any) -> RunOptions:
    settings = {"policies": {"told": {"seeds": 1, "effects": 0}}}
    given = {"policy": "told", "sandbox": "answering", "experiments": "run", "candidates": 1, "rounds": 0}
    return options(settings=settings, **{**given, **changes})


def test_a_failed_program_goes_back_with_the_end_of_its_stderr_for_at_most_k_repairs(
    task: ResearchTask, options: Options, kit: KitOf
) -> None:
    complaint = "\n".join(f"line {n}" for n in range(5000))
    parts = Parts(Answering({"status": "nonzero", "exit_code": 1, "stderr": StreamCapture(head=complaint)}))
    result = asyncio.run(start(task, asked(options, repairs=2), kit(parts)))
    assert result.status == "finished", result.message
    assert parts.policy is not None
    assert len(parts.policy.told) == 2
    assert parts.sandbox.ran == 3
    for told in parts.policy.told:
        assert told.startswith("nonzero (exit code 1)\n")
        assert told.endswith("line 4999")
        assert len(told) < 4100


@pytest.mark.parametrize(
    "failure", [SandboxError("the sandbox is stuck"), {"status": "sandbox_error", "problem": "the sandbox is stuck"}]
)
def test_a_sandbox_that_fails_is_never_told_to_the_policy(
    failure: Any, task: ResearchTask, options: Options, kit: KitOf
) -> None:
    parts = Parts(Answering(failure))
    result = asyncio.run(start(task, asked(options, repairs=2), kit(parts)))
    assert result.status == "failed"
    assert "the sandbox is stuck" in result.message
    assert parts.policy is not None
    assert parts.policy.told == []
    assert parts.sandbox.ran == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "ok", "exit_code": 0, "stdout": StreamCapture(head=FAKE.decode())},
        {"status": "ok", "exit_code": 0, "files": {"out/results.json": FAKE, "results.json.txt": FAKE}},
        {"status": "ok", "exit_code": 0, "files": {"results.json": FAKE.replace(b"1.0", b"NaN")}},
        {"status": "timeout", "signal": 9, "files": {"results.json": FAKE}},
    ],
    ids=["printed", "elsewhere", "no number", "of a program that was ended"],
)
def test_results_come_from_the_declared_file_of_a_program_that_ended_well(
    answer: dict[str, Any], task: ResearchTask, options: Options, kit: KitOf
) -> None:
    parts = Parts(Answering(answer))
    result = asyncio.run(start(task, asked(options, repairs=0), kit(parts)))
    assert result.status == "finished", result.message
    paper = (result.path / "paper" / "paper.tex").read_text()
    assert "Nothing was measured" in paper


def test_a_run_is_refused_before_anything_is_spent_where_a_guarantee_is_missing(
    task: ResearchTask, options: Options, kit: KitOf
) -> None:
    parts = Parts(Answering({"status": "ok", "exit_code": 0}, ALL_GUARANTEES - {"network_none"}))
    asking = asked(options)
    with pytest.raises(SandboxUnavailableError) as refused:
        asyncio.run(start(task, asking, kit(parts)))
    told = str(refused.value)
    assert "answering: network_none failed: got out (fix: mend it so)" in told
    assert "memory_limited" not in told
    assert parts.sandbox.ran == 0
    assert not (options().runs_dir and _exists(options().runs_dir))


def _exists(runs_dir: str) -> bool:
    from pathlib import Path

    return (Path(runs_dir) / "r1").exists()


def test_a_run_that_names_fewer_guarantees_needs_no_others(task: ResearchTask, options: Options, kit: KitOf) -> None:
    files = {"results.json": FAKE}
    parts = Parts(Answering({"status": "ok", "exit_code": 0, "files": files}, ALL_GUARANTEES - {"network_none"}))
    needed = tuple(sorted(ALL_GUARANTEES - {"network_none"}))
    result = asyncio.run(start(task, asked(options, guarantees=needed), kit(parts)))
    assert result.status == "finished", result.message
    assert parts.sandbox.requires == frozenset(needed)


def test_without_a_sandbox_that_holds_auto_runs_no_experiments_and_says_why(
    task: ResearchTask, options: Options, kit: KitOf
) -> None:
    parts = Parts(Answering({"status": "ok"}, ALL_GUARANTEES - {"memory_limited"}))
    result = asyncio.run(start(task, asked(options, experiments="auto"), kit(parts)))
    assert result.status == "finished", result.message
    assert parts.sandbox.ran == 0


class Reporting(Parts):
    @hookimpl
    def register_exporters(self, register: Any) -> None:
        from peercycle.export.report import ReportExporter

        register("report", ReportExporter)


def test_the_report_says_what_experiments_stood_on_with_hashes_and_licences(
    task: ResearchTask, options: Options, kit: KitOf
) -> None:
    read = DataRecord(
        name="train.csv", kind="url", source="https://data.example/train.csv", sha256="ab" * 32, size=7,
        licence="CC-BY-4.0",
    )  # fmt: skip
    answer = {"status": "ok", "exit_code": 0, "files": {"results.json": FAKE}, "data": (read,)}
    result = asyncio.run(start(task, asked(options, exporters=("report",)), kit(Reporting(Answering(answer)))))
    assert result.status == "finished", result.message
    report = json.loads((result.path / "report.json").read_text())
    assert report["materials"]["data"] == [read.model_dump(mode="json")]
    assert [e["digest"] for e in report["materials"]["environments"]] == ["d"]
    for form in ("report.md", "report.html"):
        said = (result.path / form).read_text()
        assert "ab" * 32 in said
        assert "CC-BY-4.0" in said or "CC\\-BY" in said


class Unequal(Answering):
    """Its first program takes most of a limit, and those beside it do not end by themselves."""

    async def run(self, *_: Any, **__: Any) -> ExecResult:
        self.ran += 1
        await asyncio.sleep(0.1 if self.ran == 1 else 60)
        return ExecResult(status="ok", duration_s=85.0, backend=self.name)


def test_a_limit_that_is_used_up_ends_the_programs_beside_it_and_they_count_what_they_used(
    task: ResearchTask, options: Options, kit: KitOf
) -> None:
    complaints: list[Any] = []

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        wanted = asked(options, budget={"sandbox_seconds": 100.0, "kept_for_finish": 0.0}).model_copy(
            update={"settings": {"policies": {"told": {"seeds": 8, "effects": 0}}}}
        )
        result = await start(task, wanted, kit(Parts(Unequal({}))))
        (line,) = [line for line in await read_run(result.path).spending() if line.name == "sandbox_seconds"]
        return result, line, await read_run(result.path).rows("effects")

    result, line, effects = asyncio.run(main())
    gc.collect()
    assert complaints == []
    assert (result.status, result.reason) == ("stopped", "budget")
    assert "the next effect may use 20" in result.message
    assert line.reserved == 0
    assert 85 <= line.spent < 90
    assert {row["state"] for row in effects if row["kind"] == "sandbox"} == {"settled", "released"}
