"""What the driver costs: time and disk a step, beside bare LangGraph and DBOS; and many runs at once.

    python benchmarks/driver.py [--steps 200] [--runs 32] [--no-dbos]

A step is one stage with one journalled effect, at 10 KB of state. DBOS runs its own steps on SQLite in a virtual
environment of its own under `benchmarks/.dbos`, made when it is not there. Writes `benchmarks/results/driver.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

from measuring import write_result

from peercycle import hookimpl
from peercycle.cli.main import NEW_OBJECTS
from peercycle.core.base import JSON
from peercycle.core.contracts import Channel, StageContext
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.runs import RunOptions
from peercycle.core.writing import ResearchTask
from peercycle.graphs.checkpoints import open_checkpoints
from peercycle.graphs.driver import start
from peercycle.graphs.many import start_many
from peercycle.plugins.manager import Plugins

STATE_BYTES = 10_000
TARGETS = {"ms_per_step": 2.5, "kb_per_step": 25.0, "runs_over_ideal": 1.4}


class Step:
    """One stage with one effect and a small change to the state."""

    def __init__(self, name: str, artifact_bytes: int, seconds: float) -> None:
        self.name = name
        self.artifact_bytes = artifact_bytes
        self.seconds = seconds

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, JSON]:
        async def act() -> JSON:
            await asyncio.sleep(self.seconds)
            return f"answer of {self.name}"

        answer = await ctx.effect("step", {"stage": self.name}, act)
        if self.artifact_bytes:
            body = f"{self.name} of round {state['round']}: {answer}".encode()
            await ctx.artifacts.put(body.ljust(self.artifact_bytes), name="body")
        filled = {} if state.get("filling") else {"filling": "x" * STATE_BYTES}
        return {"answer": answer, **filled}


REPLACED = ("outline", "related", "write", "plan", "experiment", "conclude", "check", "review", "revise")
ADDED = 15
PER_ROUND = ADDED + 5
"""Steps of a round: those added, and revise, plan, conclude, check, review; nothing is planned, so none is run."""


class Chain:
    """Puts a step in the place of every stage, and fifteen more into each revision."""

    def __init__(self, artifact_bytes: int = 0, seconds: float = 0.0) -> None:
        self.stages = [Step(name, artifact_bytes, seconds) for name in REPLACED]
        self.added = [Step(f"step{n}", artifact_bytes, seconds) for n in range(ADDED)]

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        channels = (Channel("filling"), Channel("answer"))
        for stage in self.stages:
            builder.replace_stage(stage.name, stage, channels=channels)
        for stage in self.added:
            builder.add_stage(stage, before="plan", paths=("improve",))

    @hookimpl
    def register_policies(self, register: Any) -> None:
        from peercycle.agents.policies.scripted import ScriptedPolicy, ScriptedSettings

        register("bench-policy", ScriptedPolicy, ScriptedSettings)

    @hookimpl
    def register_reviewers(self, register: Any) -> None:
        from peercycle.agents.reviewers.scripted import ScriptedReviewer, ScriptedReviewerSettings

        register("bench-reviewer", ScriptedReviewer, ScriptedReviewerSettings)


def task() -> ResearchTask:
    """Return a task of one work."""
    return ResearchTask(topic="steps", bibliography=Bibliography(entries=(Reference(key="a", title="A"),)))


def options(runs_dir: Path, **changes: Any) -> RunOptions:
    """Return the smallest cycle: one candidate, no round, nothing written out."""
    given: dict[str, Any] = {
        "runs_dir": str(runs_dir),
        "policy": "bench-policy",
        "reviewer": "bench-reviewer",
        "literature": (),
        "exporters": (),
        "experiments": "off",
        "sandbox": "none",
        "candidates": 1,
        "rounds": 0,
        "settings": {"policies": {"bench-policy": {"effects": 0}}},
    }
    return RunOptions.model_validate({**given, **changes})


def plugins(chain: Chain) -> Plugins:
    """Return the built-in plugins, and the chain."""
    return Plugins.load(chain, entry_points=False, environ={})


def disk_use(folder: Path) -> int:
    """Return the bytes of the databases below a folder, logs folded in."""
    import sqlite3

    total = 0
    for path in folder.rglob("*.sqlite"):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        total += path.stat().st_size
    return total


def whole_driver(steps: int, room: Path, artifact_bytes: int = 0) -> tuple[float, int]:
    """Return the seconds and the bytes of database that a run of so many steps in rounds takes."""
    rounds = steps // PER_ROUND
    began = time.perf_counter()
    wanted = options(room, rounds=rounds, patience=rounds + 1)
    result = asyncio.run(start(task(), wanted, plugins(Chain(artifact_bytes))))
    seconds = time.perf_counter() - began
    assert result.status == "finished", result
    assert len(journalled(result.path)) == rounds * PER_ROUND + 7
    return seconds, disk_use(result.path)


def journalled(run: Path) -> list[str]:
    """Return the keys of the steps' effects, to be sure that they were journalled."""
    import sqlite3

    connection = sqlite3.connect(run / "run.sqlite")
    rows = connection.execute("SELECT stage FROM effects WHERE kind = 'step' AND state = 'settled'").fetchall()
    connection.close()
    return [row[0] for row in rows]


class BareState(TypedDict, total=False):
    """The same 10 KB, an answer, and a count of the rounds."""

    filling: str
    answer: str
    round: int


async def bare_langgraph(steps: int, room: Path, *, our_saver: bool) -> tuple[float, int]:
    """Return seconds and bytes of a loop of nodes, durability "sync", without journal or events.

    `our_saver`: with the driver's saver; else with LangGraph's own asynchronous one.
    """
    from langgraph.graph import END, START, StateGraph

    room.mkdir(parents=True)

    def node(number: int) -> Any:
        async def act(state: BareState) -> dict[str, Any]:
            filled = {} if state.get("filling") else {"filling": "x" * STATE_BYTES}
            return {"answer": f"answer of {number}", "round": state.get("round", 0) + (number == 0), **filled}

        return act

    began = time.perf_counter()
    graph = StateGraph(BareState)
    for number in range(PER_ROUND):
        graph.add_node(f"step{number}", node(number))
        graph.add_edge(START if number == 0 else f"step{number - 1}", f"step{number}")
    again = lambda state: END if state["round"] >= steps // PER_ROUND else "step0"  # noqa: E731
    graph.add_conditional_edges(f"step{PER_ROUND - 1}", again, [END, "step0"])
    async with open_checkpoints(room, 1, in_loop=True) if our_saver else langgraphs_saver(room) as saver:
        config: Any = {"configurable": {"thread_id": "bench"}, "recursion_limit": steps + 5}
        await graph.compile(checkpointer=saver).ainvoke({"filling": ""}, config, durability="sync")
    return time.perf_counter() - began, disk_use(room)


@asynccontextmanager
async def langgraphs_saver(room: Path) -> AsyncIterator[Any]:
    """Open LangGraph's saver as ours is: commits do not sync."""
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with aiosqlite.connect(room / "checkpoints.sqlite") as connection:
        await connection.execute("PRAGMA synchronous=NORMAL")
        yield AsyncSqliteSaver(connection)


DBOS_PROGRAM = """
import json, os, sys, time
from dbos import DBOS, DBOSConfig
steps, database, size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
DBOS(config=DBOSConfig(name="bench", system_database_url=f"sqlite:///{database}", run_admin_server=False, log_level="ERROR"))

@DBOS.step()
async def step(n, filling):
    return f"step{n:<8}" + "x" * (size - 12)

@DBOS.workflow()
async def chain(count):
    filling = ""
    for n in range(count):
        filling = await step(n, filling)
    return len(filling)

import asyncio
async def main():
    await chain(3)
    took = []
    for count in (steps // 5, steps):
        began = time.perf_counter()
        await chain(count)
        took.append(time.perf_counter() - began)
    return took

DBOS.launch()
few, many = asyncio.run(main())
DBOS.destroy()
import importlib.metadata, sqlite3
connection = sqlite3.connect(database); connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"); connection.close()
print(json.dumps({"ms_per_step": 1000 * (many - few) / (steps - steps // 5),
                  "kb_per_step": os.path.getsize(database) / 1000 / (steps + steps // 5 + 3),
                  "version": importlib.metadata.version("dbos")}))
"""


def dbos(steps: int, room: Path) -> dict[str, Any]:
    """Return DBOS's figures on SQLite, or why there are none."""
    home = Path(__file__).parent / ".dbos"
    python = home / "bin" / "python"
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, capture_output=True)
            subprocess.run(
                [str(python), "-m", "pip", "install", "-q", "dbos"], check=True, capture_output=True, text=True
            )
        command = [str(python), "-c", DBOS_PROGRAM, str(steps), str(room / "dbos.sqlite"), str(STATE_BYTES)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        detail = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        return {"skipped": f"DBOS cannot be had or run here: {' '.join(detail)}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def many_runs(runs: int, room: Path) -> dict[str, float]:
    """Return how long concurrent runs of 50 ms stages take, beside what the stages of one alone take."""
    rounds, seconds = 3, 0.05
    chain = plugins(Chain(seconds=seconds))
    jobs = [(task(), options(room, run_id=f"r{n}", rounds=rounds, patience=rounds + 1)) for n in range(runs)]
    began = time.perf_counter()
    outcomes = asyncio.run(start_many(jobs, chain, parallel=runs))
    took = time.perf_counter() - began
    assert all(o.result is not None and o.result.status == "finished" for o in outcomes), outcomes
    stages = rounds * PER_ROUND + 7
    ideal = stages * seconds
    return {"runs": runs, "stages": stages, "seconds": round(took, 3), "ideal_seconds": round(ideal, 3),
            "over_ideal": round(took / ideal, 3)}  # fmt: skip


def marginal(few: tuple[float, int], many: tuple[float, int], steps: int) -> dict[str, float]:
    """Return what one step more costs: the difference of two runs, so that starting up is not in it."""
    return {
        "ms_per_step": round(1000 * (many[0] - few[0]) / steps, 3),
        "kb_per_step": round((many[1] - few[1]) / 1000 / steps, 2),
    }


def measure(steps: int, runs: int, with_dbos: bool, repeats: int) -> dict[str, Any]:
    """Measure everything, the fastest of the repeats."""
    few = steps // 5
    with tempfile.TemporaryDirectory(dir=os.environ.get("PEERCYCLE_BENCH_DIR")) as name:
        room = Path(name)
        whole_driver(few, room / "warm")

        def best(measured: Any) -> dict[str, float]:
            found = [marginal(measured(few, f"{n}f"), measured(steps, f"{n}m"), steps - few) for n in range(repeats)]
            return min(found, key=lambda one: one["ms_per_step"])

        driver = best(lambda count, tag: whole_driver(count, room / f"driver{tag}"))
        large = best(lambda count, tag: whole_driver(count, room / f"large{tag}", artifact_bytes=1_000_000))
        bare = best(lambda count, tag: asyncio.run(bare_langgraph(count, room / f"bare{tag}", our_saver=False)))
        ours = best(lambda count, tag: asyncio.run(bare_langgraph(count, room / f"ours{tag}", our_saver=True)))
        return {
            "state_bytes": STATE_BYTES,
            "steps": steps,
            "driver": driver,
            "driver_with_an_artefact_of_1_mb_a_step": large,
            "bare_langgraph": bare,
            "bare_langgraph_with_our_saver": ours,
            "dbos": dbos(steps, room) if with_dbos else {"skipped": "--no-dbos"},
            "driver_over_bare": round(driver["ms_per_step"] / bare["ms_per_step"], 2),
            "driver_over_bare_with_our_saver": round(driver["ms_per_step"] / ours["ms_per_step"], 2),
            "many_runs": min(
                (many_runs(runs, room / f"many{n}") for n in range(repeats)), key=lambda one: one["seconds"]
            ),
            "targets": TARGETS,
        }


def main() -> int:
    """Measure, write, print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--runs", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-dbos", action="store_true")
    given = parser.parse_args()
    # As a command does it in its own process.
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    figures = measure(given.steps, given.runs, not given.no_dbos, given.repeats)
    figures["within_targets"] = {
        "ms_per_step": figures["driver"]["ms_per_step"] <= TARGETS["ms_per_step"],
        "kb_per_step": figures["driver"]["kb_per_step"] <= TARGETS["kb_per_step"],
        "runs_over_ideal": figures["many_runs"]["over_ideal"] <= TARGETS["runs_over_ideal"],
    }
    write_result("driver", figures, "langgraph", "langgraph-checkpoint-sqlite", "aiosqlite")
    print(json.dumps(figures, indent=2))
    return 0 if all(figures["within_targets"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
