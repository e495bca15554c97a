"""A training in a process of its own: `train_child.py OUT JSON-SETTINGS [DISTURBANCE]`.

`kill-step:N` ends the process at the end of step N; `kill-checkpoint:N` within the writing of checkpoint N, before
its state; `small-disk:BYTES` lets no file grow beyond that size.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from tests.trainers.test_simpo_training import PAIRS
from tests.trainers.tiny import tiny_folder

from peercycle.core.errors import PeercycleError
from peercycle.trainers.simpo.settings import SimpoSettings
from peercycle.trainers.simpo.training import Simpo


def disturb(how: str) -> None:
    """Prepare the disturbance."""
    name, _, number = how.partition(":")
    if name == "small-disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number)))
        return
    from peercycle.trainers.simpo.trainer import PairTrainer

    method = {"kill-step": "training_step", "kill-checkpoint": "_save_rng_state"}[name]
    original: Any = getattr(PairTrainer, method)

    def killing(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        if self.state.global_step == int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(PairTrainer, method, killing)


def shard_on_the_cpu() -> None:
    """Let accelerate shard with gloo: it takes FSDP's settings, and applies them to accelerators only."""
    from accelerate.state import AcceleratorState, PartialState  # type: ignore[import-untyped]
    from accelerate.utils import DistributedType  # type: ignore[import-untyped]

    original = AcceleratorState.__init__

    def init(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        original(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if self.distributed_type == DistributedType.MULTI_CPU and fsdp_plugin is not None:
            self.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin

    AcceleratorState.__init__ = init


def main(out: str, settings: str, how: str = "") -> int:
    """Train, and print the record or the error."""
    if os.environ.get("ACCELERATE_USE_FSDP"):
        shard_on_the_cpu()
    if how:
        disturb(how)
    try:
        record = Simpo().train(iter(PAIRS), str(tiny_folder()), Path(out), SimpoSettings(**json.loads(settings)))
    except PeercycleError as error:
        print(f"{type(error).__name__}: {error}")
        return 1
    if int(os.environ.get("RANK", "0")) == 0:
        print(record.model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
