"""Real vLLM on the processor: the server's life, its answers beside those of transformers, a whole cycle, training.

One server for the module, as starting one takes most of a minute; it lives in an event loop of its own thread.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from peercycle.agents.models.transformers.model import TransformersModel
from peercycle.agents.models.transformers.settings import TransformersSettings
from peercycle.agents.models.vllm.model import VllmModel
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import ContextOverflowError, UsageError
from peercycle.core.identity import identify
from peercycle.core.modelling import Message, ModelRequest, ModelResult, Sampling
from peercycle.graphs.pool import current_pool
from peercycle.plugins.manager import Plugins
from peercycle.plugins.testing import ModelContract

pytestmark = pytest.mark.timeout(420)
T = TypeVar("T")
QUESTION = Message(role="user", content="How is a learned ranking measured?")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 40},
        "tags": {"type": "array", "items": {"enum": ["new", "known"]}, "minItems": 1, "maxItems": 3},
    },
    "required": ["title", "tags"],
    "additionalProperties": False,
}
ENGINE: dict[str, Any] = {
    "dtype": "float32",
    "max_model_len": 4096,
    "enforce_eager": True,
    "max_num_seqs": 16,
    # Random weights would lose themselves in blanks.
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
}
ENGINE_ENV = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1"}


class Running:
    """An entered model, and the loop that it lives in."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.plugins = Plugins.load(entry_points=False, environ={})
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.holding = self.do(current_pool_acquire(self.plugins, settings))
        self.model: VllmModel = self.holding.component

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the model's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(400)

    def ask(self, *requests: ModelRequest) -> list[ModelResult]:
        return list(self.do(self.model.generate(requests)))

    @property
    def socket(self) -> Path:
        assert self.model._server is not None and self.model._server._folder is not None
        return self.model._server._folder / "socket"

    def end(self) -> None:
        self.do(self.holding.release())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


async def current_pool_acquire(plugins: Plugins, settings: dict[str, Any]) -> Any:
    return await current_pool().acquire(plugins, "models", "vllm", settings)


@pytest.fixture(scope="module")
def vllm(tiny_model: Path, vllm_environment: Path) -> Iterator[Running]:
    """A server of ours, ready to be trained, entered through the pool as a run would."""
    running = Running(
        {
            "model": str(tiny_model),
            "environment": str(vllm_environment),
            "training": True,
            "engine_args": {**ENGINE, "enable_lora": True, "max_lora_rank": 8},
            "engine_env": ENGINE_ENV,
        }
    )
    folder = running.socket.parent
    yield running
    running.end()
    assert not folder.exists(), "its folder was left behind"


def ask(*messages: Message, n: int = 1, seed: int | None = 1, **sampling: Any) -> ModelRequest:
    return ModelRequest(messages=messages or (QUESTION,), n=n, seed=seed, sampling=Sampling(**sampling))


def by_transformers(folder: Path, *requests: ModelRequest) -> list[ModelResult]:
    async def main() -> list[ModelResult]:
        async with TransformersModel(TransformersSettings(model=str(folder), device="cpu")) as model:
            return list(await model.generate(requests))

    return asyncio.run(main())


def prompts(*results: ModelResult) -> list[tuple[int, ...] | None]:
    return [result.completions[0].prompt_token_ids for result in results]


def test_both_engines_say_the_same_greedy_tokens(vllm: Running, tiny_model: Path) -> None:
    """Equal prompts as tokens, through each one's own template, and equal tokens back, in float32."""
    requests = [
        ask(max_tokens=40, temperature=0),
        ask(Message(role="system", content="Be brief."), QUESTION, max_tokens=40, temperature=0),
        ask(QUESTION, Message(role="assistant", content="By NDCG."), QUESTION, max_tokens=40, temperature=0),
        ModelRequest(
            messages=(QUESTION,),
            assistant_prefix="Reviewer 1:",
            sampling=Sampling(max_tokens=20, temperature=0),
        ),
        ModelRequest(prompt_token_ids=(1, 40, 50, 60, 70), sampling=Sampling(max_tokens=20, temperature=0)),
    ]
    served, own = vllm.ask(*requests), by_transformers(tiny_model, *requests)
    assert prompts(*served) == prompts(*own)
    for one, other in zip(served, own, strict=True):
        a, b = one.completions[0], other.completions[0]
        assert a.completion_token_ids == b.completion_token_ids
        # vLLM leaves out the beginning of a character at the very end.
        assert a.text.rstrip("\ufffd") == b.text.rstrip("\ufffd")
        assert a.logprobs == pytest.approx(b.logprobs, abs=1e-3)
        assert (one.tokenizer_hash, one.template_hash, one.weights_revision) == (
            other.tokenizer_hash,
            other.template_hash,
            other.weights_revision,
        )


def test_several_choices_a_schema_usage_and_a_long_prompt(vllm: Running) -> None:
    (result,) = vllm.ask(ask(n=3, max_tokens=12))
    assert len({c.completion_token_ids for c in result.completions}) == 3
    assert result.usage.completion_tokens == sum(len(c.completion_token_ids or ()) for c in result.completions)
    assert result.usage.engine_seconds > 0
    (held,) = vllm.ask(ModelRequest(messages=(QUESTION,), seed=2, response_schema=SCHEMA))
    assert held.completions[0].finish_reason == "stop"
    # Its grammar lets bare control characters stand in strings.
    assert set(json.loads(held.text, strict=False)["tags"]) <= {"new", "known"}
    with pytest.raises(ContextOverflowError):
        vllm.ask(ask(Message(role="user", content="long " * 9000), max_tokens=9))


def test_reviewers_of_one_paper_share_its_prefix(vllm: Running) -> None:
    """The engine's own counters: what four reviewers of a paper prefill is little more than the paper."""
    paper = Message(role="user", content="A ranking is learned from pairs. " * 150)
    roles = [Message(role="user", content=f"You are reviewer {number}.") for number in range(4)]
    before = vllm.do(vllm.model.counters())
    (first,) = vllm.ask(ask(paper, roles[0], max_tokens=4))
    others = vllm.ask(*[ask(paper, role, max_tokens=4) for role in roles[1:]])
    after = vllm.do(vllm.model.counters())
    asked = sum(len(result.completions[0].prompt_token_ids or ()) for result in (first, *others))
    hits = after["vllm:prefix_cache_hits_total"] - before["vllm:prefix_cache_hits_total"]
    computed = asked - hits
    assert computed <= 1.3 * len(first.completions[0].prompt_token_ids or ()), f"{computed} of {asked} computed"


def test_other_weights_are_answered_from_at_once_and_nothing_old_is_remembered(
    vllm: Running, tiny_model: Path, tmp_path: Path
) -> None:
    """Reload, and the prefix cache with it: a long shared prompt is where a stale one would show."""
    import torch
    import transformers

    trained = tmp_path / "trained"
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(11)
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(trained)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (trained / name).write_bytes((tiny_model / name).read_bytes())
    long = ask(Message(role="user", content="pairs of answers " * 60), max_tokens=30, temperature=0)
    (before,) = vllm.ask(long)
    vllm.do(vllm.model.reload_weights(trained))
    try:
        (after,) = vllm.ask(long)
        (known,) = by_transformers(trained, long)
        assert after.completions[0].completion_token_ids == known.completions[0].completion_token_ids
        assert after.completions[0].completion_token_ids != before.completions[0].completion_token_ids
        assert after.weights_revision == identify(trained).weights != before.weights_revision
    finally:
        vllm.do(vllm.model.reload_weights(tiny_model))
    (again,) = vllm.ask(long)
    assert again.completions[0].completion_token_ids == before.completions[0].completion_token_ids


@pytest.mark.filterwarnings(
    "ignore:.is_gradient_checkpointing.:FutureWarning"
)  # peft asks transformers by an old name
def test_an_adapter_is_sampled_with_from_when_it_is_loaded(vllm: Running, tiny_model: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="needs peft: pip install 'peercycle[train]'")
    import torch
    import transformers

    base = transformers.AutoModelForCausalLM.from_pretrained(tiny_model)
    model = peft.get_peft_model(base, peft.LoraConfig(r=8, lora_alpha=64, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(5)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.5)
    model.save_pretrained(tmp_path / "adapter")
    request = ask(max_tokens=20, temperature=0)
    served = vllm.model._served
    (plain,) = vllm.ask(request)
    vllm.do(vllm.model.load_adapter("tuned", tmp_path / "adapter"))
    try:
        (tuned,) = vllm.ask(request)
        assert tuned.completions[0].completion_token_ids != plain.completions[0].completion_token_ids
        assert tuned.weights_revision != plain.weights_revision
    finally:
        vllm.do(vllm.model._serve(served))
        vllm.model._identity = identify(tiny_model)


def test_a_whole_cycle_on_a_vllm_server_ends_finished(vllm: Running, cycles: Any, tmp_path: Path) -> None:
    """The run finds the server in the pool, as the next run of a queue would."""
    import transformers

    from peercycle import aresearch

    models = {"default": {"name": "vllm", "settings": vllm.settings}}
    asked = cycles.options(tmp_path, models)
    work = aresearch("learning from preferences", cycles.references, plugins=vllm.plugins, **asked)
    result = vllm.do(work)
    assert result.status == "finished", result.message
    weights = vllm.settings["model"]
    cycles.require_sampled_papers(result.path, transformers.AutoTokenizer.from_pretrained(weights))
    ((revisions,),) = cycles.rows(result.path, "SELECT COUNT(DISTINCT weights_revision) FROM completions")
    assert revisions == 1


class TestVllm(ModelContract):
    """The contract, attached to the server by its socket, as another process would."""

    deterministic = False
    url: str

    @pytest.fixture(autouse=True)
    def _server(self, vllm: Running, tiny_model: Path) -> None:
        type(self).url = f"unix:{vllm.socket}"
        type(self).name = str(tiny_model)

    name: str

    def language_model(self) -> LanguageModel:
        return VllmModel(VllmSettings(model=self.name, url=self.url, max_tokens=12))


def test_an_attached_server_is_only_asked(vllm: Running, tiny_model: Path) -> None:
    async def main() -> ModelResult:
        settings = VllmSettings(model=str(tiny_model), url=f"unix:{vllm.socket}", max_tokens=8)
        async with VllmModel(settings) as attached:
            (result,) = await attached.generate([ask()])
            with pytest.raises(UsageError, match="in training only"):
                await attached.reload_weights(tiny_model)
            return result

    result = asyncio.run(main())
    assert result.tokenizer_hash == identify(tiny_model).tokenizer
    assert vllm.ask(ask(max_tokens=2)), "leaving an attached server ended it"


def test_the_socket_is_for_nobody_else_and_the_command_line_holds_no_key(
    vllm: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (vllm.socket.parent.stat().st_mode & 0o777) == 0o700
    ours = [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(vllm.socket).encode() in _read(p)]
    assert ours, "the server is not to be found"
    for process in ours:
        names = {line.partition(b"=")[0].decode() for line in _read(process.parent / "environ").split(b"\0")}
        assert not {name for name in names if name.endswith(("_KEY", "_TOKEN"))}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: processes are looked up in /proc")
def test_a_kill_of_our_process_ends_the_keeper_and_all_that_it_kept(repository: Path) -> None:
    """A program that starts a keeper and is killed: what the keeper kept is gone, its children too."""
    keeper = repository / "agents" / "models" / "vllm" / "keeper.py"
    mark = f"sleep 7{os.getpid()}"
    program = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-I', {str(keeper)!r}, '1', 'sh', '-c', '{mark} & {mark}; true'], "
        "stdin=subprocess.PIPE, start_new_session=True)\n"
        "print('kept', flush=True)\ntime.sleep(60)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None and owner.stdout.readline() == "kept\n"
    _until(lambda: len(_processes(mark)) >= 2, "the server never began")
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    _until(lambda: not _processes(mark), "processes outlived their owner")


def _processes(mark: str) -> list[str]:
    words = b"\0".join(word.encode() for word in mark.split())
    return [str(p) for p in Path("/proc").glob("[0-9]*/cmdline") if _read(p).startswith(words)]


def _until(condition: Any, complaint: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)
