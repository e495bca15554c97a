"""`peercycle train` on real vLLM: one engine for the whole loop, which samples each iteration from the policy before it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from peercycle.core.base import canonical_json
from peercycle.core.identity import weights_hash
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.writing import ResearchTask
from peercycle.store.artifacts import FileArtifactStore

BLOCK = 128
"""Tokens that the engine's prefix cache keeps as one."""
PROMPT = "pairs of answers " * 120
"""The same beginning in every prompt, of more than a block: a cache that was not reset would answer from it."""
EXACT = 1e-4
"""How far apart two engines are in float32, in log-probability."""
ENGINE = {"dtype": "float32", "max_model_len": 2048, "enforce_eager": True, "max_num_seqs": 16, "block_size": BLOCK}
LOOP = """
name = "served"
iterations = 2
plugins = ["tiny_parts.py"]

[start]
base = "model"
# A random model ends by chance alone, and what is cut at the limit never wins.
settings = {{ prompt = {prompt}, temperature = 1.0, max_tokens = 40, stop = ["s"] }}

[tasks]
file = "tasks.jsonl"
heldout = 0.25

[run]
reviewer = "distinct"
judge = "other-letters"
skip = ["literature", "outline", "related", "plan", "experiment", "conclude", "check"]

[engine]
name = "vllm"

[engine.settings]
environment = {environment}
training = true
engine_env = {{ VLLM_CPU_KVCACHE_SPACE = "1", OMP_NUM_THREADS = "1" }}
engine_args = {{ {engine} }}

[sample]
tasks = 6
candidates = 4
parallel = 6
stay = true

[train]
trainer = "simpo"

[train.settings]
method = "full"
learning_rate = 1e-2
batch_pairs = 3
epochs = 4.0
checkpointing = false
probe_prompts = 0

[evaluate]
tasks = 2
candidates = 2
every = 2
"""


def write_loop(folder: Path, model: Path, environment: Path, parts: Path) -> None:
    shutil.copytree(model, folder / "model")
    shutil.copyfile(parts, folder / "tiny_parts.py")
    works = Bibliography(entries=tuple(Reference(key=f"k{n}", title=f"Work {n}") for n in range(3)))
    tasks = [ResearchTask(topic=f"task {n}", bibliography=works) for n in range(24)]
    (folder / "tasks.jsonl").write_bytes(b"".join(canonical_json(task) + b"\n" for task in tasks))
    engine = ", ".join(f"{name} = {json.dumps(value)}" for name, value in ENGINE.items())
    prompt = json.dumps(PROMPT + "{topic}")
    text = LOOP.format(prompt=prompt, environment=json.dumps(str(environment)), engine=engine)
    (folder / "loop.toml").write_text(text, encoding="utf-8")


class Answer(NamedTuple):
    """An answer as ids, and the log-probabilities that the engine gave them."""

    prompt: list[int]
    ids: list[int]
    logprobs: list[float]


def answers(step: Path) -> tuple[set[str], list[Answer]]:
    """Return the weights that a step's completions name, and the answers."""
    revisions: set[str] = set()
    found: list[Answer] = []
    for database in sorted(step.glob("runs/*/run.sqlite")):
        artifacts = FileArtifactStore(database.parent / "artifacts")
        with closing(sqlite3.connect(database)) as connection:
            query = "SELECT weights_revision, tokens_json, tokens_json_ref FROM completions"
            for revision, tokens, ref in connection.execute(query):
                kept = json.loads(artifacts.load(ref) if ref else tokens)
                revisions.add(revision)
                found.append(Answer(kept["prompt_token_ids"], kept["completion_token_ids"], kept["logprobs"]))
    return revisions, found


def farthest(given: list[Answer], weights: Any, prefix: Any = None) -> float:
    """Return how far, at most, the engine's log-probabilities are from those of some weights.

    Whole blocks of the prompts are read by `prefix`, if given: what a cache of its would give.
    """
    import torch

    most = 0.0
    with torch.no_grad():
        for prompt, ids, logprobs in given:
            row = torch.tensor([[*prompt, *ids]])
            cached = (len(prompt) - 1) // BLOCK * BLOCK
            assert cached > 0, "a prompt of less than a block is never cached"
            read = (prefix or weights)(row[:, :cached], use_cache=True).past_key_values
            logits = weights(row[:, cached:], past_key_values=read).logits[0, len(prompt) - cached - 1 : -1]
            own = torch.log_softmax(logits, -1).gather(-1, torch.tensor(ids)[:, None])[:, 0]
            most = max(most, float((own - torch.tensor(logprobs)).abs().max()))
    return most


@pytest.mark.prove(rank=45)
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore:.past_key_values. is deprecated:FutureWarning")  # older ones know no other name
def test_one_engine_samples_each_iteration_from_the_weights_that_the_one_before_it_made(
    tiny_model: Path, vllm_environment: Path, repository: Path, tmp_path: Path
) -> None:
    pytest.importorskip("trl", reason="needs trl: pip install 'peercycle[train]'")
    from transformers import AutoModelForCausalLM

    write_loop(tmp_path, tiny_model, vllm_environment, repository / "tests/trainers/loop/tiny_parts.py")
    done = subprocess.run(
        [sys.executable, "-m", "peercycle", "train", "loop.toml", "--json"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    place = tmp_path / "loops/served/main"
    base, first = tmp_path / "model", tmp_path / "policies/served-001"
    revisions, before = answers(place / "001/sample")
    assert revisions == {weights_hash(base)}
    revisions, after = answers(place / "002/sample")
    assert revisions == {weights_hash(first)} != {weights_hash(base)}
    # What an engine says of its weights is one thing; what it computes with is another.
    load: Callable[[Path], Any] = AutoModelForCausalLM.from_pretrained
    old, new = load(base).eval(), load(first).eval()
    assert farthest(before, old) < EXACT < 100 * EXACT < farthest(before, new)
    assert farthest(after, new) < EXACT < 100 * EXACT < farthest(after, old)
    # And no prompt was read by the old weights: their cache was reset.
    assert farthest(after, new, prefix=old) > EXACT * 10
    assert (place / "sampler.log").is_file()
