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
from typing import Any

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
ENGINE = {"dtype": "float32", "max_model_len": 2048, "enforce_eager": True, "max_num_seqs": 16, "block_size": BLOCK}
LOOP = """
name = "served"
iterations = 2
plugins = ["tiny_parts.py"]

[start]
base = "model"
settings = {{ prompt = {prompt}, temperature = 1.0, max_tokens = 24 }}

[tasks]
file = "tasks.jsonl"
heldout = 0.25

[run]
reviewer = "letters"
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


Answer = tuple[list[int], list[int]]


def answers(step: Path) -> tuple[set[str], list[Answer]]:
    """Return the weights that a step's completions name, and their prompts and answers as ids."""
    revisions: set[str] = set()
    found: list[Answer] = []
    for database in sorted(step.glob("runs/*/run.sqlite")):
        artifacts = FileArtifactStore(database.parent / "artifacts")
        with closing(sqlite3.connect(database)) as connection:
            query = "SELECT weights_revision, tokens_json, tokens_json_ref FROM completions"
            for revision, tokens, ref in connection.execute(query):
                ids = json.loads(artifacts.load(ref) if ref else tokens)
                revisions.add(revision)
                found.append((ids["prompt_token_ids"], ids["completion_token_ids"]))
    return revisions, found


def likelihood(given: list[Answer], weights: Any, prefix: Any = None) -> float:
    """Return the mean log-probability of an answer's token; whole blocks of the prompt are read by `prefix`, if given."""
    import torch

    total, count = 0.0, 0
    with torch.no_grad():
        for prompt, answer in given:
            ids = torch.tensor([[*prompt, *answer]])
            cached = (len(prompt) - 1) // BLOCK * BLOCK
            assert cached > 0, "a prompt of less than a block is never cached"
            read = (prefix or weights)(ids[:, :cached], use_cache=True).past_key_values
            logits = weights(ids[:, cached:], past_key_values=read).logits[0, len(prompt) - cached - 1 : -1]
            logp = torch.log_softmax(logits.double(), -1).gather(-1, torch.tensor(answer)[:, None])
            total, count = total + float(logp.sum()), count + len(answer)
    return total / count


@pytest.mark.prove(rank=45)
@pytest.mark.timeout(1800)
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
    # What the engine says it answered from is one thing; whose words these are is another.
    load: Callable[[Path], Any] = AutoModelForCausalLM.from_pretrained
    old, new = load(base).eval(), load(first).eval()
    assert likelihood(before, old) > likelihood(before, new) + 0.05
    assert likelihood(after, new) > likelihood(after, old) + 0.05
    # And none of them was answered under a prompt that the old weights had read.
    stale = likelihood(after, new, prefix=old)
    assert likelihood(after, new) > stale + 0.05, (likelihood(after, new), stale)
    assert (place / "sampler.log").is_file()
