"""One cell of `simpo_long.py` in a process of its own: one forward and backward pass of one method, under a limit.

Prints one line of JSON: peak_gb (beyond what model and data hold before the step), seconds, loss; on a GPU model_gb, too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

BETA, GAMMA, LAMBDA = 2.5, 1.25, 0.1
SHAPES: dict[str, dict[str, Any]] = {
    # The head dominates here: a small body under the vocabulary of a large model.
    "small": {
        "vocab_size": 131072,
        "hidden_size": 256,
        "intermediate_size": 688,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
    "4b": {
        "vocab_size": 151936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
    },
    "12b": {
        "vocab_size": 131072,
        "hidden_size": 5120,
        "intermediate_size": 14336,
        "num_hidden_layers": 40,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
    },
}


def make_model(shape: str, device: str, attention: str) -> Any:
    """Return a model of random weights, with an adapter and in bfloat16 where it is of a real size."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    config = LlamaConfig(**SHAPES[shape], max_position_embeddings=65536, bos_token_id=None, pad_token_id=0)
    dtype = torch.float32 if shape == "small" else torch.bfloat16
    with torch.device(device):
        make: Any = AutoModelForCausalLM.from_config
        model = make(config, dtype=dtype, attn_implementation=attention)
    if shape != "small":
        from peft import LoraConfig, get_peft_model

        lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, lora)
    model.config.use_cache = False
    from peercycle.trainers.opening import recompute_activations

    recompute_activations(model)
    return model.train()


def make_pairs(prompt: int, completion: int, episodes: int, vocabulary: int) -> Any:
    """Return all pairs of some episodes of random tokens under one prompt."""
    import torch

    from peercycle.trainers.simpo.batches import EpisodeIds, PairIds, SegmentIds

    random = torch.Generator().manual_seed(1)

    def ids(count: int) -> Any:
        return torch.randint(3, vocabulary, (count,), generator=random, dtype=torch.int32)

    before = ids(prompt)
    made = [
        EpisodeIds(
            f"e{n}", (SegmentIds(before, ids(completion), torch.ones(completion, dtype=torch.bool)),), completion
        )
        for n in range(episodes)
    ]
    return [PairIds(f"{a.id}>{b.id}", "t", a, b) for a, b in itertools.combinations(made, 2)]


Step = Callable[[Any], float]
"""Passes some pairs through a model and back, and returns their loss."""


def ours(mode: str, model: Any, grouped: bool) -> Step:
    """Return a step of our trainer, as a training makes it; `grouped` pairs go through the model together."""
    from peercycle.trainers.arguments import training_arguments
    from peercycle.trainers.simpo.objective import Objective
    from peercycle.trainers.simpo.scoring import install
    from peercycle.trainers.simpo.settings import SimpoSettings
    from peercycle.trainers.simpo.trainer import PairTrainer, Plan

    settings = SimpoSettings(method="full")
    install(model, settings.head_tile_mb)
    taken: Any = "group" if grouped else mode
    trainer = PairTrainer(
        plan=Plan([[]], taken, Objective(BETA, GAMMA, LAMBDA, "sequence_mean")),
        on_metric=lambda *_: None,
        model=model,
        args=training_arguments(settings, Path(mkdtemp()), 1, autocast=hasattr(model, "peft_config")),
    )
    prepared = trainer.accelerator.prepare_model(model)
    return lambda pairs: float(trainer._run(prepared, pairs, train=True).values[0])


@contextmanager
def as_we_compute(model: Any, device: str) -> Iterator[None]:
    """Within this, under an adapter, others compute in the dtypes that our trainer computes in."""
    import torch
    from peft.helpers import disable_input_dtype_casting

    lora = hasattr(model, "peft_config")
    with disable_input_dtype_casting(model, active=lora), torch.autocast(device, torch.bfloat16, enabled=lora):
        yield


def trl_cpo(model: Any, pairs: Any, device: str) -> Step:
    """Return a step of TRL's CPO trainer on the same ids."""
    from peercycle.trainers.with_trl.cpo import cpo_trainer, loss_of
    from peercycle.trainers.with_trl.settings import TrlCpoSettings

    settings = TrlCpoSettings(beta=BETA, gamma=GAMMA, nll_lambda=LAMBDA, method="full")
    trainer = cpo_trainer(model, [pairs], settings, Path(mkdtemp()))

    def step(pairs: Any) -> float:
        with as_we_compute(model, device):
            loss = loss_of(trainer, pairs)
            loss.backward()
        return float(loss.detach())

    return step


def _rows(pairs: Any, device: str) -> tuple[Any, Any]:
    """Return ids and labels of a pair, the winner's row first."""
    import torch

    (pair,) = pairs
    sides = [episode.segments[0] for episode in (pair.winner, pair.loser)]
    ids = torch.stack([torch.cat([s.prompt, s.completion]).long() for s in sides]).to(device)
    labels = ids.clone()
    for row, side in enumerate(sides):
        labels[row, : len(side.prompt)] = -100
    return ids, labels


def _objective(sums: Any, count: int) -> Any:
    import torch

    from peercycle.trainers.simpo.objective import Objective, Scale, pair_terms

    counts = torch.tensor([count, count], device=sums.device)
    first, second = torch.tensor([0], device=sums.device), torch.tensor([1], device=sums.device)
    objective = Objective(BETA, GAMMA, LAMBDA, "sequence_mean")
    return pair_terms(sums, counts, first, second, objective, Scale(1, count)).loss


def fused(model: Any, device: str) -> Step:
    """Return a step of TRL's fused head under our loss."""
    from trl.trainer import add_fused_lm_head  # type: ignore[attr-defined, unused-ignore]

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    add_fused_lm_head(inner)

    def step(pairs: Any) -> float:
        ids, labels = _rows(pairs, device)
        with as_we_compute(model, device):
            logp = inner(input_ids=ids, labels=labels, fused_lm_head=True).log_probs
            own = labels[:, 1:] != -100
            loss = _objective((logp * own).double().sum(-1), int(own[0].sum()))
            loss.backward()
        return float(loss.detach())

    return step


def liger(model: Any, device: str) -> Step:
    """Return a step of Liger's fused SimPO loss, which takes its pieces over pairs."""
    from liger_kernel.chunked_loss import LigerFusedLinearSimPOLoss  # type: ignore[import-not-found, unused-ignore]

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    loss_of = LigerFusedLinearSimPOLoss(beta=BETA, alpha=LAMBDA, gamma=GAMMA, compiled=False)

    def step(pairs: Any) -> float:
        ids, labels = _rows(pairs, device)
        with as_we_compute(model, device):
            hidden = inner.get_decoder()(input_ids=ids, use_cache=False)[0][:, :-1]
            found = loss_of(inner.lm_head.weight, hidden, labels[:, 1:].contiguous())
            loss = found[0] if isinstance(found, tuple) else found
            loss.backward()
        return float(loss.detach())

    return step


def references(model: Any, pairs: Any, rows: int = 128) -> dict[str, float]:
    """Return the loss of the first pair and of all, in float64 by plain log-softmax, without a graph.

    The body is float64 too where the model is small.
    """
    import torch

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if inner.dtype == torch.float32:
        inner.double()
    inner.eval()
    device = inner.lm_head.weight.device
    weight = inner.lm_head.weight.double()
    episodes = list({id(e): e for pair in pairs for e in (pair.winner, pair.loser)}.values())
    sums: dict[int, float] = {}
    with torch.no_grad():
        for episode in episodes:
            (segment,) = episode.segments
            ids = torch.cat([segment.prompt, segment.completion]).long().to(device)
            hidden = inner.get_decoder()(input_ids=ids[None], use_cache=False)[0][0].double()
            start, total = len(segment.prompt), 0.0
            for at in range(start, len(ids), rows):
                end = min(at + rows, len(ids))
                logp = torch.log_softmax(hidden[at - 1 : end - 1] @ weight.T, -1)
                total += float(logp.gather(-1, ids[at:end, None]).sum())
            sums[id(episode)] = total
    return {f"loss_of_{count}": exact_loss(pairs[:count], sums) for count in {1, len(pairs)}}


def exact_loss(pairs: Any, sums: dict[int, float]) -> float:
    """Return the loss of some pairs, given what each episode's log-probabilities sum to."""
    import torch

    from peercycle.trainers.simpo.objective import Objective, Scale, pair_terms

    episodes = list({id(e): e for pair in pairs for e in (pair.winner, pair.loser)}.values())
    values = torch.tensor([sums[id(e)] for e in episodes], dtype=torch.float64)
    places = {id(e): n for n, e in enumerate(episodes)}
    winners = torch.tensor([places[id(pair.winner)] for pair in pairs])
    losers = torch.tensor([places[id(pair.loser)] for pair in pairs])
    counts = torch.tensor([e.tokens for e in episodes])
    scale = Scale(len(pairs), sum(pair.winner.tokens for pair in pairs))
    objective = Objective(BETA, GAMMA, LAMBDA, "sequence_mean")
    return float(pair_terms(values, counts, winners, losers, objective, scale).loss)


class Memory:
    """What is held beyond a beginning, at its most."""

    def __init__(self, device: str) -> None:
        self._cuda = device == "cuda"
        if self._cuda:
            import torch

            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self._start = torch.cuda.memory_allocated()
            return
        # Forget the peak so far, which the making of the model set.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self._start = self._status("VmRSS")

    @property
    def start_gb(self) -> float:
        """What was held at the beginning: on a GPU the model."""
        return self._start / 1e9

    def peak_gb(self) -> float:
        """Return the peak since then, in units of 10^9 bytes."""
        if self._cuda:
            import torch

            torch.cuda.synchronize()
            return (torch.cuda.max_memory_allocated() - self._start) / 1e9
        return (self._status("VmHWM") - self._start) / 1e9

    @staticmethod
    def _status(name: str) -> int:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise OSError(f"this system does not tell {name}")


def make_step(mode: str, model: Any, pairs: Any, device: str) -> Step:
    """Return a step of a method."""
    if mode == "trl-cpo":
        return trl_cpo(model, pairs, device)
    if mode == "trl-fused":
        return fused(model, device)
    if mode == "liger":
        return liger(model, device)
    return ours(mode.removesuffix("-n3"), model, grouped=mode == "group-n3")


def main() -> int:
    """Measure one cell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mode")
    parser.add_argument("prompt", type=int)
    parser.add_argument("completion", type=int)
    parser.add_argument("--shape", default="small", choices=SHAPES)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--limit-gb", type=float)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if asked.limit_gb and asked.device == "cpu":
        most = int(asked.limit_gb * 1e9)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    from peercycle.trainers.arguments import quiet
    from peercycle.trainers.simpo import attention

    quiet()
    attention.register()
    packs = asked.mode in ("shared", "group-n3")
    model = make_model(asked.shape, asked.device, attention.ATTENTION if packs else "sdpa")
    episodes = 3 if asked.mode.endswith("-n3") else 2
    vocabulary = SHAPES[asked.shape]["vocab_size"]
    pairs = make_pairs(asked.prompt, asked.completion, episodes, vocabulary)
    if asked.mode.startswith("float64"):
        print(json.dumps(references(model, pairs)))
        return 0
    step = make_step(asked.mode, model, pairs, asked.device)
    # A step of a few tokens first: libraries load and threads start outside the measurement.
    step(make_pairs(8, 8, episodes, vocabulary))
    if asked.device == "cuda":
        # And a whole one where memory is taken from the driver piece by piece, and kernels are chosen by size.
        step(pairs)
    for parameter in model.parameters():
        parameter.grad = None
    memory = Memory(asked.device)
    began = time.perf_counter()
    loss = step(pairs)
    if asked.device == "cuda":
        import torch

        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    found = {"loss": loss, "seconds": round(seconds, 3), "peak_gb": round(memory.peak_gb(), 4)}
    if asked.device == "cuda":
        found["model_gb"] = round(memory.start_gb, 3)
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, MemoryError) as error:
        line = " ".join(str(error).split())
        if "memory" not in line.lower():
            raise
        print(json.dumps({"out_of_memory": line[:200]}))
