"""The data card: what a person, and the Hugging Face loader, must know before they use the pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from peercycle.core.base import canonical_json
from peercycle.trainers.dataset.rows import features
from peercycle.trainers.pair_settings import PairReport, PairSettings


def card(report: PairReport, settings: PairSettings, files: Mapping[str, str]) -> str:
    """Return `README.md`; `files` gives the data file of each split that has one."""
    head = "\n".join(["---", *_front_matter(files), "---"])
    counted = "\n".join(f"- {line}" for line in report.lines())
    return f"""{head}

# Preference pairs from logged research runs

Machine-made: every text here was sampled from a language model and ranked by an automatic reward, none by a person.

{counted}

Settings: `{canonical_json(settings).decode()}`

## Columns

- `prompt`, `chosen`, `rejected`: conversations. `score_chosen`, `score_rejected`: the rewards that ranked them.
- `chosen_segments`, `rejected_segments`: what the engine saw and sampled, token by token: `prompt_ids`,
  `completion_ids`, and `policy_mask`, which is 1 where the policy sampled the token and 0 where it was given.
- `tokenizer_hash`, `template_hash`: of the sampler. Ids mean nothing under another tokenizer.
- `id`, `task_hash`, `strategy`, `margin`, `chosen_episode`, `rejected_episode`: where the pair comes from.
- The split `heldout` holds the tasks that no iteration trains on.

## Before you train on this with plain TRL

Rows with `multi_turn: true` hold turns that the policy did not write (experiment results, further questions).
Plain TRL trains on everything after the prompt, and so would teach the model to write the results itself.
peercycle's `simpo` trainer gives such tokens no loss; its `trl-cpo` trainer refuses these rows. With plain TRL,
keep only rows whose `multi_turn` is false.

TRL also makes new ids from the texts; where that differs from `…_segments`, what is trained is not what was sampled.
"""


def _front_matter(files: Mapping[str, str]) -> list[str]:
    configs = [{"config_name": "default", "data_files": [{"split": s, "path": p} for s, p in files.items()]}]
    info = {"features": features()}
    # JSON is YAML, and needs no YAML writer.
    return [
        "pretty_name: Preference pairs from logged research runs",
        f"tags: {_inline(['preference', 'machine-generated', 'peercycle'])}",
        f"configs: {_inline(configs)}",
        f"dataset_info: {_inline(info)}",
    ]


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
