"""Which tasks are held out, and which iteration trains on which: functions of a task's hash and of nothing else."""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["train", "heldout"]


def share_of(purpose: str, key: str) -> float:
    """Return a number in [0, 1) that is the same for a key for ever, and independent between purposes."""
    digest = hashlib.sha256(f"{purpose}:{key}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def split_of(task_hash: str, heldout: float) -> Split:
    """Return the side of a task. Growing `heldout` moves tasks out of training, never back in."""
    return "heldout" if share_of("heldout", task_hash) < heldout else "train"


def shard_of(task_hash: str, shards: int) -> int:
    """Return which of the disjoint sets of tasks this one belongs to."""
    return int(share_of("shard", task_hash) * shards)
