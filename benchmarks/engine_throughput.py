"""Tokens a second of concurrent runs, of bare tasks on the same server, and of the bare engine, in turns.

All three are asked the same: the same prompts, seeds and sampling, under the same engine arguments. They take turns, each
warmed up before, because a machine's speed wanders by more than what is measured: a share is of one round's two figures.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from engine_subjects import Asking, options, questions

from peercycle.agents.models.vllm.arguments import environ, interpreter
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.core.contracts import StageContext
from peercycle.core.writing import ResearchTask
from peercycle.graphs.many import start_many
from peercycle.graphs.pool import current_pool
from peercycle.plugins.manager import Plugins
from peercycle.trainers.loop.jobs import die_with_parent

TARGET = 0.9
WARM_TOKENS = 8
GENERATED = "vllm:generation_tokens_total"
BARE = """
import json, sys, time
from vllm import LLM, SamplingParams
start = json.loads(sys.stdin.readline())
engine = LLM(model=start["model"], **start["engine"])
print("BARE ready", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    prompts = [{"prompt_token_ids": one["prompt"]} for one in asked]
    # As our requests say it: one answer, its log-probabilities and no others.
    sampling = [SamplingParams(max_tokens=one["tokens"], ignore_eos=True, temperature=1.0, seed=one["seed"], logprobs=0)
                for one in asked]
    began = time.perf_counter()
    answers = engine.generate(prompts, sampling, use_tqdm=False)
    seconds = time.perf_counter() - began
    print("BARE", json.dumps({"tokens": sum(len(a.outputs[0].token_ids) for a in answers), "seconds": seconds}),
          flush=True)
"""


class Load(NamedTuple):
    """Of one go: so many runs at once, each with so many calls for so many tokens."""

    runs: int
    calls: int
    tokens: int


class Go(NamedTuple):
    """What one go of one way took."""

    tokens: float
    seconds: float

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds


Way = Callable[[Load], Awaitable[Go]]


class AskingAlike(Asking):
    """Asks what a bare task of the run's number asks."""

    def chance(self, ctx: StageContext) -> random.Random:
        return random.Random(ctx.options.seed)


class BareEngine:
    """`vllm.LLM` in a process of its own, ready between its turns."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - the process writes into it until it ends
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        settings = self._settings
        self._process = subprocess.Popen(
            [str(interpreter(settings["environment"])), "-I", "-c", BARE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=environ(VllmSettings.model_validate(settings), None),
            preexec_fn=partial(die_with_parent, os.getpid()),  # noqa: PLW1509 - the kernel is asked, no more
        )
        # A server keeps statistics, and `vllm.LLM` does where it is told to.
        self._ask({"model": settings["model"], "engine": {"disable_log_stats": False, **settings["engine_args"]}})
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(60)
        self._said.close()

    async def go(self, load: Load) -> Go:
        """Answer as many requests as the runs have together, as many at once as there are runs."""
        asked = [list(questions(random.Random(n), load.calls, load.tokens)) for n in range(load.runs)]
        wanted = [
            {"prompt": one.prompt_token_ids, "seed": one.seed, "tokens": one.sampling.max_tokens}
            for one in (run[call] for call in range(load.calls) for run in asked)
        ]
        return Go(**json.loads(await asyncio.to_thread(self._ask, wanted)))

    def _ask(self, line: Any) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        for said in self._process.stdout:
            if said.startswith("BARE "):
                return said.removeprefix("BARE ")
        self._said.seek(0)
        sys.exit(f"the bare engine failed: {self._said.read()[-2000:]}")


async def by_themselves(model: Any, load: Load) -> Go:
    """Ask as runs do, with nothing of a run around it."""

    async def task(number: int) -> int:
        sampled = 0
        for request in questions(random.Random(number), load.calls, load.tokens):
            (result,) = await model.generate([request])
            sampled += result.usage.completion_tokens
        return sampled

    began = time.perf_counter()
    sampled = sum(await asyncio.gather(*[task(number) for number in range(load.runs)]))
    return Go(sampled, time.perf_counter() - began)


async def through_runs(model: Any, plugins: Plugins, settings: dict[str, Any], load: Load, room: Path) -> Go:
    """Ask from within runs of the driver, their starts and ends included."""
    models = {"default": {"name": "vllm", "settings": settings}}
    folder = Path(tempfile.mkdtemp(dir=room))
    jobs = [(ResearchTask(topic=f"run {n}"), options(folder, models, seed=n)) for n in range(load.runs)]
    before = await model.counters()
    began = time.perf_counter()
    outcomes = await start_many(jobs, plugins, parallel=load.runs)
    seconds = time.perf_counter() - began
    failed = [outcome.message for outcome in outcomes if outcome.status != "finished"]
    if failed:
        sys.exit(f"a run failed: {failed[0]}")
    # By the engine's own count: no answer came from anywhere else.
    sampled = (await model.counters())[GENERATED] - before[GENERATED]
    if not sampled:
        sys.exit("the runs asked another engine than the one that is counted")
    return Go(sampled, seconds)


async def in_turns(settings: dict[str, Any], load: Load, rounds: int, room: Path) -> dict[str, list[float]]:
    """Return each way's tokens a second in every round."""
    room.mkdir(parents=True, exist_ok=True)
    asking = AskingAlike(load.calls, load.tokens)
    # The runs' own plugins: a component is shared among those who name it through the same ones.
    plugins = Plugins.load(asking, entry_points=False, environ={})

    async def ours(load: Load) -> Go:
        asking.ask(load.calls, load.tokens)
        return await through_runs(model, plugins, settings, load, room)

    with BareEngine(settings) as bare:
        holding = await current_pool().acquire(plugins, "models", "vllm", settings)
        model = holding.component
        ways: dict[str, Way] = {
            "bare": bare.go,
            "ours": ours,
            "served": lambda load: by_themselves(model, load),
        }
        try:
            for way in ways.values():
                await way(Load(load.runs, 1, WARM_TOKENS))
            return await _rounds(ways, load, rounds)
        finally:
            await holding.release()


async def _rounds(ways: Mapping[str, Way], load: Load, rounds: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds):
        # Each begins a round in turn, so that none has always the machine as another left it.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            rates[name].append((await ways[name](load)).rate)
            print(f"  round {number + 1}: {name} {rates[name][-1]:.1f} tokens/s", flush=True)
    return rates


def summary(rates: Mapping[str, list[float]], load: Load) -> dict[str, Any]:
    """Return the medians with their spreads; a share is of one round's two figures."""
    share = [ours / bare for ours, bare in zip(rates["ours"], rates["bare"], strict=True)]
    of_served = [ours / served for ours, served in zip(rates["ours"], rates["served"], strict=True)]
    return {
        **load._asdict(),
        "rounds": len(share),
        "bare_step_ms": round(1000 * load.runs / statistics.median(rates["bare"]), 1),
        **{f"{name}_tokens_per_s": spread(rates[name], 1) for name in rates},
        "share": spread(share, 4),
        "share_of_served": spread(of_served, 4),
        "target": TARGET,
        "met": statistics.median(share) >= TARGET,
    }


def spread(values: list[float], digits: int) -> dict[str, float]:
    """Return the median, the least and the most."""
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: round(value, digits) for name, value in found.items()}
