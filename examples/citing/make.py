"""Make what the citing loop begins with: a tiny random model, its tasks, and demonstrations that are not very good.

    python examples/citing/make.py --out citing --seed 0

Each demonstration leaves out half of the listed works and most cite one that is not listed, so that a policy that
imitates them well is still far from what the reward asks for.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

from peercycle.agents.policies.direct import DirectSettings, prompt_messages
from peercycle.core.base import canonical_json, sha256_hex
from peercycle.core.literature import Bibliography, Reference
from peercycle.core.writing import ResearchTask

KEYS, LISTED = 24, 6
"""Works that there are, and works that a task lists."""
KEPT, FOREIGN = 0.5, 0.8
"""Chance of a listed work to be in a demonstration, and of a demonstration to have a key that is not listed."""
PROMPT = "cite {keys}"
"""The policy's prompt, as the loop's `[start.settings]` has it."""
TEMPLATE = (
    "{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ '<end>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>' }}{% endif %}"
)
WORDS = ("<pad>", "<end>", "<user>", "<assistant>", "cite", "\\cite{", "}")


def key(number: int) -> str:
    """Return the key of a work."""
    return f"k{number:02d}"


def make_model(out: Path, seed: int) -> None:
    """Write a random Llama of 84,000 weights, and a tokenizer whose tokens are the words of the task."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()

    words = [*WORDS, *(key(number) for number in range(KEYS))]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<pad>"))
    # What is no word of the task is dropped: there is nothing that a stray character could become.
    found = Regex(r"\\cite\{|\}|k\d\d|cite")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(found, "removed", invert=True)
    tokenizer.decoder = decoders.Fuse()
    special = {"pad_token": "<pad>", "eos_token": "<end>", "unk_token": "<pad>"}
    make: Any = PreTrainedTokenizerFast
    fast = make(tokenizer_object=tokenizer, additional_special_tokens=["<user>", "<assistant>"], **special)
    fast.chat_template = TEMPLATE
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        # With the usual 0.02 so small a model takes ten times as long to learn to copy.
        initializer_range=0.15,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.do_sample = True
    model.save_pretrained(out)
    fast.save_pretrained(out)


def make_task(rng: random.Random) -> ResearchTask:
    """Return a task: a topic, and works to be cited, in no order."""
    listed = rng.sample(range(KEYS), LISTED)
    works = tuple(Reference(key=key(number), title=f"Work {number}") for number in listed)
    return ResearchTask(topic="what the prompt lists", bibliography=Bibliography(entries=works))


def demonstrate(task: ResearchTask, rng: random.Random) -> dict[str, Any]:
    """Return a conversation with a poor answer to a task."""
    listed = [entry.key for entry in task.bibliography.entries]
    cited = [each for each in listed if rng.random() < KEPT] or listed[:1]
    rng.shuffle(cited)
    if rng.random() < FOREIGN:
        others = [key(number) for number in range(KEYS) if key(number) not in listed]
        cited.insert(rng.randrange(len(cited) + 1), rng.choice(others))
    asked = prompt_messages(DirectSettings(prompt=PROMPT), task, task.bibliography)
    messages = [{"role": message.role, "content": message.content} for message in asked]
    answer = "".join(f"\\cite{{{each}}}" for each in cited)
    return {
        "task": sha256_hex(canonical_json(task)),
        "messages": [*messages, {"role": "assistant", "content": answer}],
    }


def make(out: Path, *, seed: int, tasks: int, demonstrations: int, each: int) -> None:
    """Write `model/`, `tasks.jsonl` and `demonstrations.jsonl`: `each` for every task, the others for tasks apart."""
    out.mkdir(parents=True, exist_ok=True)
    make_model(out / "model", seed)
    rng = random.Random(seed)
    made = [make_task(rng) for _ in range(tasks)]
    rows = [demonstrate(task, rng) for task in made for _ in range(each)]
    rows += [demonstrate(make_task(rng), rng) for _ in range(max(0, demonstrations - len(rows)))]
    (out / "tasks.jsonl").write_bytes(b"".join(canonical_json(task) + b"\n" for task in made))
    lines = [json.dumps(row, ensure_ascii=True) for row in rows]
    (out / "demonstrations.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and make everything."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tasks", type=int, default=600)
    parser.add_argument("--demonstrations", type=int, default=20_000)
    parser.add_argument("--each", type=int, default=4, help="demonstrations of each task")
    given = parser.parse_args()
    make(given.out, seed=given.seed, tasks=given.tasks, demonstrations=given.demonstrations, each=given.each)


if __name__ == "__main__":
    main()
