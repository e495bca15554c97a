"""Stages that plan experiments and run them: in a sandbox, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peercycle.core.base import JSON, canonical_json
from peercycle.core.contracts import SimulatingPolicy, Work
from peercycle.core.errors import PolicyError
from peercycle.core.experiments import (
    CollectedFile,
    Execution,
    Experiment,
    ExperimentPlan,
    ExperimentResults,
    Measurement,
)
from peercycle.core.outlasting import together
from peercycle.core.sandboxing import ExecRequest, ExecResult
from peercycle.graphs.context import DriverContext
from peercycle.graphs.stages.results import BadResultsError, accumulate, parse_results
from peercycle.graphs.work import State, kept, load_work

Updates = Mapping[str, JSON]
STDERR_SHOWN = 4000
"""Characters of a failed program's stderr that go back to the policy, from the end."""


class PlanStage:
    """Decides what to run."""

    name = "plan"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Ask the policy for a plan; in a run without experiments it is not asked."""
        work = await load_work(state, ctx)
        if ctx.options.experiments == "off":
            declined = ExperimentPlan(declined="this run has no experiments")
            nothing = ExperimentResults(mode="off", reason="experiments are off in this run")
            return {
                "plan": await ctx.save(declined),
                "planned": 0,
                "executed": [],
                "results": await ctx.save(nothing),
            }
        turn = await ctx.run.policy.plan(work, ctx)
        names = [experiment.id for experiment in turn.value.experiments]
        if len(set(names)) < len(names):
            raise PolicyError(f"policy {ctx.options.policy!r} planned two experiments under one id: {names}")
        return kept(turn.memory, {"plan": await ctx.save(turn.value), "planned": len(names), "executed": []})


@dataclass(slots=True)
class Ran:
    """One experiment, as finally run."""

    experiment: Experiment
    executions: list[Execution]
    measurements: list[Measurement]
    durations: dict[str, tuple[float, float | None]]
    memory: str | None = None


class ExperimentStage:
    """Runs the plan, each experiment under each of its seeds."""

    name = "experiment"

    async def __call__(self, state: State, ctx: DriverContext) -> Updates:
        """Run, or have the policy imagine, what is planned; a failed program goes back to it for repair."""
        work = await load_work(state, ctx)
        plan = work.plan or ExperimentPlan()
        if ctx.options.experiments == "simulate":
            return await _simulate(work, plan, ctx)
        ran = await together(_run_experiment(experiment, work, ctx) for experiment in plan.experiments)
        executions = [execution for one in ran for execution in one.executions]
        for one in ran:
            await _tell_failures(one, ctx)
        final = [e for one in ran for e in one.executions if e.attempt == max(x.attempt for x in one.executions)]
        measured = [m for one in ran for m in one.measurements]
        results = accumulate(work.results, final, measured, [one.experiment for one in ran])
        durations = {key: value for one in ran for key, value in one.durations.items()}
        await ctx.run.store.save_executions(
            ctx.candidate, ctx.stage, ctx.visit, executions, results.measurements, durations
        )
        memory = next((one.memory for one in reversed(ran) if one.memory), None)
        return kept(memory, {"results": await ctx.save(results), "executed": [e.id for e in final]})


async def _run_experiment(experiment: Experiment, work: Work, ctx: DriverContext) -> Ran:
    ran = Ran(experiment, [], [], {})
    for attempt in range(1, ctx.options.repairs + 2):
        outcomes = await together(_execute(ran.experiment, seed, attempt, ctx) for seed in ran.experiment.seeds)
        ran.executions += [execution for execution, _, _ in outcomes]
        ran.durations |= {execution.id: spent for execution, _, spent in outcomes}
        ran.measurements = [m for _, measured, _ in outcomes for m in measured]
        failed = next((execution for execution, _, _ in outcomes if execution.status != "ok"), None)
        if failed is None or attempt > ctx.options.repairs:
            break
        turn = await ctx.run.policy.repair(work, ran.experiment, failed.error or failed.status, ctx)
        ran.memory = turn.memory or ran.memory
        if turn.value is None:
            break
        ran.experiment = turn.value.model_copy(update={"id": experiment.id, "answers": experiment.answers})
    return ran


async def _tell_failures(ran: Ran, ctx: DriverContext) -> None:
    last = max((execution.attempt for execution in ran.executions), default=1)
    tried = [execution for execution in ran.executions if execution.attempt == last]
    failed = [execution for execution in tried if execution.status != "ok"]
    if failed:
        why = (failed[0].error or failed[0].status).strip().splitlines()
        await ctx.log(
            f"experiment {ran.experiment.id!r}: {len(failed)} of {len(tried)} executions failed: "
            f"{failed[0].status}: {why[-1]}"
        )


async def _execute(
    experiment: Experiment, seed: int, attempt: int, ctx: DriverContext
) -> tuple[Execution, list[Measurement], tuple[float, float | None]]:
    put = ctx.artifacts.put
    script = await put(experiment.script.encode(), media_type="text/x-python", name=f"{experiment.id}.py")
    asked = {"seed": seed, "parameters": experiment.parameters}
    request_file = await put(canonical_json(asked), media_type="application/json", name="request.json")
    result = await ctx.run_sandbox(
        ExecRequest(
            argv=("python", "main.py"),
            files={**experiment.inputs, "main.py": script, "request.json": request_file},
            environment=experiment.environment,
            data=experiment.data,
            outputs=("results.json", *experiment.outputs),
            limits=experiment.limits,
        )
    )
    outputs = {output.path: output for output in result.outputs}
    results_file = outputs.get("results.json")
    measured: list[Measurement] = []
    status, error = str(result.status), _complaint(result)
    if result.status == "ok":
        try:
            if results_file is None:
                raise BadResultsError("the program wrote no results.json" + "".join(f"; {r}" for r in result.refused))
            body = await ctx.artifacts.get(results_file.artifact)
            measured = parse_results(body, experiment, seed, result.execution_id, results_file.artifact)
        except BadResultsError as problem:
            status, error = "bad_results", str(problem)
    execution = Execution(
        id=result.execution_id,
        experiment=experiment.id,
        seed=seed,
        status=status,
        attempt=attempt,
        exit_code=result.exit_code,
        script=script,
        results=results_file.artifact if results_file else None,
        files=tuple(
            CollectedFile(path=o.path, artifact=o.artifact, size=o.size)
            for o in result.outputs
            if o is not results_file
        ),
        error=error,
    )
    return execution, measured, (result.duration_s, result.peak_memory_mb)


def _complaint(result: ExecResult) -> str | None:
    """Return what a failed program's author needs: how it ended, and the end of its stderr."""
    if result.status == "ok":
        return None
    ended = f"exit code {result.exit_code}" if result.signal is None else f"signal {result.signal}"
    return f"{result.status} ({ended})\n{result.stderr.text[-STDERR_SHOWN:]}".strip()


async def _simulate(work: Work, plan: ExperimentPlan, ctx: DriverContext) -> Updates:
    policy = ctx.run.policy
    if not isinstance(policy, SimulatingPolicy):
        raise PolicyError(
            f"policy {ctx.options.policy!r} was not trained to simulate experiments; use --experiments off"
        )
    turn = await policy.simulate(work, ctx)
    measured: list[Measurement] = []
    # A results file holds one imagined run, so each experiment is told with one seed.
    known = [e.model_copy(update={"seeds": e.seeds[:1]}) for e in plan.experiments if e.id in turn.value]
    for experiment in known:
        body = canonical_json(turn.value[experiment.id])
        artifact = await ctx.artifacts.put(
            body, media_type="application/json", name=f"{experiment.id}-simulated.json"
        )
        try:
            found = parse_results(body, experiment, experiment.seeds[0], "simulated", artifact)
        except BadResultsError as problem:
            raise PolicyError(
                f"policy {ctx.options.policy!r} imagined results that do not parse: {problem}"
            ) from None
        measured += [m.model_copy(update={"provenance": "simulated", "execution": None}) for m in found]
    earlier = work.results or ExperimentResults()
    anew = {experiment.id for experiment in known}
    results = ExperimentResults(
        mode="simulate",
        reason="the policy imagined these results; nothing was run",
        measurements=(*(m for m in earlier.measurements if m.experiment not in anew), *measured),
        experiments=(*(e for e in earlier.experiments if e.id not in anew), *known),
    )
    await ctx.run.store.save_executions(ctx.candidate, ctx.stage, ctx.visit, [], results.measurements, {})
    return kept(turn.memory, {"results": await ctx.save(results), "executed": []})
