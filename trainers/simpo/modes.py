"""Memory modes: what each needs of a model and a strategy, and which one `auto` becomes.

| mode | what goes through the model at once | costs |
|---|---|---|
| `pair` | both episodes of a pair, a row for each segment | the prompt is computed for every segment |
| `shared` | both episodes in one row, each prompt once | an attention function of ours |
| `split` | one episode at a time; the others' sums are computed beforehand, without a graph | one more forward pass |
| `group` | all episodes of a task in one row, each once however many pairs it is in | as `shared`, and the most room |

All of them give the same loss and gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from peercycle.core.errors import UsageError
from peercycle.trainers.simpo.batches import EpisodeIds, PairIds, Unit, units_of
from peercycle.trainers.simpo.scoring import causal_model, text_config
from peercycle.trainers.simpo.settings import MemoryMode

PACKED: tuple[MemoryMode, ...] = ("shared", "group")
LAYER_TENSORS = 34
"""Values of hidden size that a layer holds for its backward pass, by the usual count of a transformer block."""
WORTH_SHARING = 0.1
"""Share of the tokens that a shared prompt must save before `auto` takes it."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the model is spread, as far as it matters here."""

    kind: str = "none"
    """`none`, `ddp`, `fsdp1`, `fsdp2` or `deepspeed`."""
    processes: int = 1
    context_parallel: bool = False


def refusal(mode: MemoryMode, model: Any, longest: int, strategy: Strategy) -> str | None:
    """Return why a mode cannot serve, or None."""
    if strategy.kind == "fsdp1":
        return "FSDP 1 flattens the head's weights, which are needed as a matrix; set fsdp_version: 2"
    if mode in PACKED:
        if strategy.context_parallel:
            return "context parallelism cuts rows into plain causal pieces, and a shared prompt is none; use split"
        return _no_packing(model, longest)
    if mode == "split" and strategy.kind == "deepspeed":
        return "DeepSpeed allows one backward pass per forward pass, and split needs one per episode; use shared"
    return None


def require(mode: MemoryMode, model: Any, longest: int, strategy: Strategy) -> None:
    """Raise `UsageError` with the reason where a mode cannot serve."""
    why = refusal(mode, model, longest, strategy)
    if why is not None:
        raise UsageError(f"memory_mode {mode!r} cannot serve here: {why}")


def choose(
    mode: MemoryMode,
    model: Any,
    steps: Sequence[Sequence[PairIds]],
    strategy: Strategy,
    *,
    free_bytes: int | None,
    checkpointing: bool,
    element_bytes: int,
) -> tuple[MemoryMode, str]:
    """Return the mode to use and why; a mode that was asked for is checked, never replaced."""
    pairs = [pair for step in steps for pair in step]
    longest = max(segment.length for pair in pairs for one in (pair.winner, pair.loser) for segment in one.segments)
    if mode != "auto":
        require(mode, model, longest, strategy)
        return mode, "it was asked for"
    require("pair", model, longest, strategy)
    token_bytes = activation_bytes(model, checkpointing=checkpointing, element_bytes=element_bytes)

    def fits(tokens: int) -> bool:
        return free_bytes is None or tokens * token_bytes < free_bytes

    single = units_of(pairs, grouped=False)
    padded, shared = sum(map(padded_tokens, single)), sum(map(packed_tokens, single))
    if refusal("shared", model, longest, strategy) is None:
        grouped = [unit for step in steps for unit in units_of(step, grouped=True)]
        group = sum(map(packed_tokens, grouped))
        if (
            strategy.processes == 1
            and group < (1 - WORTH_SHARING) * shared
            and fits(max(map(packed_tokens, grouped)))
        ):
            return "group", f"pairs of a task share episodes: {group:,} tokens instead of {padded:,}"
        if shared < (1 - WORTH_SHARING) * padded and fits(max(map(packed_tokens, single))):
            return "shared", f"pairs share their prompt: {shared:,} tokens instead of {padded:,}"
    if fits(max(map(padded_tokens, single))):
        return "pair", "prompts are short beside their completions"
    if refusal("split", model, longest, strategy) is None:
        return "split", "a whole pair does not fit into the memory that is free"
    return "pair", "nothing smaller can serve here"


def padded_tokens(unit: Unit) -> int:
    """Return how many tokens, filling included, a unit takes with a row for each segment."""
    lengths = [segment.length for episode in unit.episodes for segment in episode.segments]
    return max(lengths) * len(lengths)


def packed_tokens(unit: Unit) -> int:
    """Return how many tokens a unit takes with each prompt once."""
    return sum(_prompts(unit.episodes).values()) + sum(
        len(segment.completion) for episode in unit.episodes for segment in episode.segments
    )


def activation_bytes(model: Any, *, checkpointing: bool, element_bytes: int) -> float:
    """Return about how many bytes of activations a token holds until its backward pass."""
    config = text_config(model)
    layers = 1 + LAYER_TENSORS / config.num_hidden_layers if checkpointing else LAYER_TENSORS
    return float(config.num_hidden_layers * config.hidden_size * element_bytes * layers)


def _prompts(episodes: Sequence[EpisodeIds]) -> dict[int, int]:
    return {id(segment.prompt): len(segment.prompt) for episode in episodes for segment in episode.segments}


def _no_packing(model: Any, longest: int) -> str | None:
    inner, config = causal_model(model), text_config(model)
    name = type(inner).__name__
    if not getattr(inner, "_supports_attention_backend", False):
        return f"{name} takes no attention function from outside"
    kinds = set(getattr(config, "layer_types", None) or ())
    if odd := kinds - {"full_attention", "sliding_attention"}:
        return f"{name} has layers of kind {sorted(odd)[0]!r}, which carry a state from token to token; use split"
    window = getattr(config, "sliding_window", None)
    slides = "sliding_attention" in kinds if kinds else getattr(config, "use_sliding_window", True)
    if window is not None and slides and window < longest:
        return f"{name} sees {window} tokens back, and the longest sequence has {longest}; use pair or split"
    if getattr(config, "alibi", False) or getattr(config, "position_embedding_type", None) == "alibi":
        return f"{name} weighs attention by distance in the row (ALiBi); use pair or split"
    if getattr(config, "attn_logit_softcapping", None) is not None:
        return f"{name} caps its attention scores, which our attention function does not; use pair or split"
    return None
