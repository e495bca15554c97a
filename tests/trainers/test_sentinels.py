"""The sentinel of structured output: whether the JSON that a policy answers with still parses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.trainers.test_simpo_training import PAIRS, Told, pair, trained
from tests.trainers.tiny import tiny_folder

GOOD, BROKEN, PLAIN = '```json\n{"n": 1}\n```\n', '```json\n{"n": 1\n```\n', "prose "


def speaking(folder: Path, words: list[str]) -> Path:
    """Return a tiny model with a tokenizer whose tokens are these words, again and again."""
    from tokenizers import Tokenizer, decoders, models
    from transformers import PreTrainedTokenizerFast

    base = shutil.copytree(tiny_folder(), folder / "base")
    # Of equal words only one would have an id.
    vocabulary = {f"{words[n % len(words)]}{' ' * n}": n for n in range(256)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=next(iter(vocabulary))))
    tokenizer.decoder = decoders.Fuse()
    make: Any = PreTrainedTokenizerFast
    make(tokenizer_object=tokenizer).save_pretrained(base)
    return base


@pytest.mark.parametrize(("words", "valid"), [([GOOD], 1.0), ([BROKEN], 0.0), ([PLAIN], None)])
def test_the_share_of_json_that_parses_is_told_at_every_evaluation(
    tmp_path: Path, words: list[str], valid: float | None
) -> None:
    record, told = trained(tmp_path / "out", base=str(speaking(tmp_path, words)))
    assert steps_of(told) == ([] if valid is None else [0, 3])
    assert record.metrics.get("probe_json_valid") == valid


def test_blocks_that_parse_and_blocks_that_do_not_are_told_as_a_share(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = speaking(tmp_path, [GOOD, BROKEN])
    # Held-out pairs are what is probed: of three prompts, which end in 12, 13 and 14.
    pairs = [*PAIRS, *(pair(number, split="heldout", task="h") for number in (6, 7, 8))]
    _, told = trained(tmp_path / "out", pairs, base=str(base))
    at_first = next(value for name, value, step in told if (name, step) == ("probe_json_valid", 0))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    blocks: list[str] = []
    for last in (12, 13, 14):
        ids = [10, 11, last]
        with torch.no_grad():
            for _ in range(8):
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
                if ids[-1] == 2:
                    break
        blocks += str(tokenizer.decode(ids[3:])).split("```json\n")[1:]
    assert at_first == pytest.approx(sum(map(parses, blocks)) / len(blocks))
    assert 0 < at_first < 1, "all blocks are of one kind, so that the test shows nothing"


def steps_of(told: Told) -> list[int]:
    return [step for name, _, step in told if name == "probe_json_valid"]


def parses(block: str) -> bool:
    try:
        json.loads(block.partition("```")[0])
    except ValueError:
        return False
    return True
