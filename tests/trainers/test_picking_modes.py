"""Which memory mode `auto` becomes: by what is shared, by what fits, and by what can serve."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")

from tests.trainers.test_exactness import single  # noqa: E402
from tests.trainers.tiny import tiny_model  # noqa: E402

from peercycle.trainers.simpo.modes import Strategy, activation_bytes, choose  # noqa: E402

ROOM = 1 << 40


def picked(lengths: list[int], prompt: int, *, free: int | None = ROOM, model: Any = None, **strategy: Any) -> str:
    mode, why = choose(
        "auto",
        model or tiny_model("llama"),
        [single(lengths, prompt)],
        Strategy(**strategy),
        free_bytes=free,
        checkpointing=True,
        element_bytes=4,
    )
    assert why
    return mode


def test_auto_takes_what_shares_most_of_what_is_there_to_be_shared() -> None:
    assert picked([50, 50, 50], 20) == "group"
    assert picked([50, 50], 40) == "shared"
    assert picked([50, 50], 1) == "pair"
    assert picked([50, 50], 40, free=None) == "shared"


def test_auto_takes_what_fits_into_the_memory_that_is_free() -> None:
    token = activation_bytes(tiny_model("llama"), checkpointing=True, element_bytes=4)
    # A pair takes 180 tokens in rows of their own, 140 with its prompt once, one episode 90.
    assert picked([50, 50], 40, free=int(200 * token)) == "shared"
    assert picked([50, 50], 40, free=int(100 * token)) == "split"
    assert picked([50, 50], 40, free=int(100 * token), kind="deepspeed") == "pair"


def test_auto_takes_what_can_serve() -> None:
    assert picked([50, 50, 50], 20, processes=2, kind="ddp") != "group"
    assert picked([50, 50], 40, context_parallel=True) == "pair"
    slides = tiny_model("mistral", sliding_window=8)
    assert picked([50, 50], 40, model=slides) == "pair"
