"""Which memory mode a training takes, on this machine, now."""

from __future__ import annotations

import os
from collections.abc import Sequence

from peercycle.trainers.opening import Opened
from peercycle.trainers.simpo.batches import PairIds
from peercycle.trainers.simpo.modes import Strategy, choose
from peercycle.trainers.simpo.settings import MemoryMode, SimpoSettings


def pick_mode(settings: SimpoSettings, opened: Opened, steps: Sequence[Sequence[PairIds]]) -> tuple[MemoryMode, str]:
    """Return the mode and why. Raises `UsageError` where the one that was asked for cannot serve."""
    weight = next(opened.model.parameters())
    return choose(
        settings.memory_mode,
        opened.model,
        steps,
        strategy(),
        free_bytes=free_bytes(),
        checkpointing=settings.checkpointing,
        element_bytes=2 if opened.autocast else weight.element_size(),
    )


def strategy() -> Strategy:
    """Return how accelerate was told to spread the model: by its launcher's variables, before anything is prepared."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    context = any(int(os.environ.get(f"PARALLELISM_CONFIG_{name}_SIZE", "1") or 1) > 1 for name in ("CP", "SP"))
    if _is_set("ACCELERATE_USE_FSDP"):
        kind = "fsdp2" if os.environ.get("FSDP_VERSION", "1") == "2" else "fsdp1"
    elif _is_set("ACCELERATE_USE_DEEPSPEED"):
        kind = "deepspeed"
    else:
        kind = "ddp" if processes > 1 else "none"
    return Strategy(kind, processes, context)


def free_bytes() -> int | None:
    """Return the memory that is free where the model will be, or None where nobody can say."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _is_set(name: str) -> bool:
    return os.environ.get(name, "false").lower() in ("1", "true", "yes")
