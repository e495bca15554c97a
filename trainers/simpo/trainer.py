"""The training loop: transformers' own, with steps of pairs in place of batches of rows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import Trainer

from peercycle.core.errors import PeercycleError, StoreError, TrainingError
from peercycle.store.disk import as_store_error
from peercycle.trainers.reporting import tell
from peercycle.trainers.simpo.batches import EpisodeIds, PairIds, Unit, units_of
from peercycle.trainers.simpo.layout import packed, padded
from peercycle.trainers.simpo.metrics import Tally, peak_gb
from peercycle.trainers.simpo.modes import PACKED
from peercycle.trainers.simpo.objective import Objective, PairTerms, Scale, pair_terms
from peercycle.trainers.simpo.settings import MemoryMode

OnMetric = Callable[[str, float, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is trained, in which order, how."""

    steps: Sequence[Sequence[PairIds]]
    mode: MemoryMode
    objective: Objective


class PairTrainer(Trainer):
    """Steps through a plan. Every process sees every step, and takes its share of the step's units."""

    def __init__(self, *, plan: Plan, on_metric: OnMetric, **options: Any) -> None:
        super().__init__(train_dataset=_Numbers(len(plan.steps)), **options)
        self.plan = plan
        self.pending: dict[str, float] = {}
        """Numbers that go with the next log of a step."""
        self._on_metric = on_metric
        self._since_log = Tally.empty()
        self._steps_since_log = 0
        self._logged_at = time.monotonic()

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return the numbers of the steps, the same ones in every process."""
        return DataLoader(
            _Numbers(len(self.plan.steps)), batch_size=1, collate_fn=lambda numbers: {"step": numbers[0]}
        )

    def floating_point_ops(self, inputs: Any) -> int:
        """Return 0: the estimate of transformers is for other inputs."""
        return 0

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Do the forward and backward passes of one step."""
        model.train()
        pairs = self.plan.steps[inputs["step"]]
        tally = self._run(model, pairs, train=True)
        self._since_log.merge(tally)
        self._steps_since_log += 1
        return tally.values[0].float().to(self.args.device)

    def compute_loss_context_manager(self) -> ExitStack:
        """Return what a pass runs in: under autocast, adapters take values in the dtype in which they come.

        They would make a float32 copy of each, which autocast turns back at once.
        """
        stack: ExitStack = super().compute_loss_context_manager()
        model: Any = self.model
        if self.args.bf16 and hasattr(model, "peft_config"):
            from peft.helpers import disable_input_dtype_casting

            stack.enter_context(disable_input_dtype_casting(model))
        return stack

    def measure(self, model: Any, pairs: Sequence[PairIds]) -> dict[str, float]:
        """Return the means over pairs without training on them."""
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                return self._run(model, pairs, train=False).means()
        finally:
            model.train(was_training)

    def _run(self, model: Any, pairs: Sequence[PairIds], *, train: bool) -> Tally:
        scale = Scale(len(pairs), sum(pair.winner.tokens for pair in pairs))
        mine = self._share(units_of(pairs, grouped=self.plan.mode == "group"))
        tally = Tally.empty()
        for number, (unit, weight) in enumerate(mine):
            with self.compute_loss_context_manager():
                last = number == len(mine) - 1
                terms = self._unit(model, unit, scale, weight, tally, train=train, last=last)
            if weight:
                tally.add(terms, self.plan.objective.beta)
                tally.tokens += sum(pair.winner.length + pair.loser.length for pair in unit.pairs)
        if self.args.world_size > 1:
            vector: Any = self.accelerator.reduce(tally.as_tensor().to(self.args.device), "sum")
            tally = Tally.of_tensor(vector)
        return tally

    def _share(self, units: Sequence[Unit]) -> list[tuple[Unit, float]]:
        """Return this process's units. All take the same number, or they would wait for each other for ever."""
        world, rank = self.args.world_size, self.args.process_index
        each = -(-len(units) // world)
        share = [(unit, 1.0) for unit in units[rank::world]]
        return share + [(units[0], 0.0)] * (each - len(share))

    def _unit(
        self, model: Any, unit: Unit, scale: Scale, weight: float, tally: Tally, *, train: bool, last: bool
    ) -> PairTerms:
        if self.plan.mode == "split":
            return self._split(model, unit, scale, weight, tally, train=train, last=last)
        with self._syncing(model, last or not train):
            sums = self._sums(model, unit.episodes, tally)
            terms = self._terms(sums, unit, scale)
            if train:
                self._backward(terms.loss * weight)
        return terms

    def _split(
        self, model: Any, unit: Unit, scale: Scale, weight: float, tally: Tally, *, train: bool, last: bool
    ) -> PairTerms:
        # All sums first, without a graph but for the first episode's; from them each episode's coefficient; then
        # one graph at a time. What was computed twice is the same twice: nothing here is random.
        first, *others = unit.episodes
        with torch.no_grad():
            known = [self._sums(model, [episode], Tally.empty()) for episode in others]
        with self._syncing(model, not train):
            graph = self._sums(model, [first], tally)
            sums = torch.cat([graph.detach(), *known]).requires_grad_()
            with torch.enable_grad():
                terms = self._terms(sums, unit, scale)
            if not train:
                return terms
            (coefficients,) = torch.autograd.grad(terms.loss, sums)
            self._backward((graph * coefficients[:1]).sum() * weight)
        for number, episode in enumerate(others, 1):
            with self._syncing(model, last and number == len(others)):
                graph = self._sums(model, [episode], tally)
                self._backward((graph * coefficients[number]).sum() * weight)
        return terms

    def _sums(self, model: Any, episodes: Sequence[EpisodeIds], tally: Tally) -> torch.Tensor:
        layout = packed(episodes) if self.plan.mode in PACKED else padded(episodes)
        tally.computed += layout.ids.numel()
        tally.real += layout.real
        sums: torch.Tensor = model(layout=layout)
        return sums

    def _terms(self, sums: torch.Tensor, unit: Unit, scale: Scale) -> PairTerms:
        device = sums.device
        counts = torch.tensor([episode.tokens for episode in unit.episodes], device=device)
        places = [torch.tensor(each, device=device) for each in (unit.winners, unit.losers)]
        terms = pair_terms(sums, counts, places[0], places[1], self.plan.objective, scale)
        if not torch.isfinite(terms.loss):
            names = ", ".join(repr(pair.id) for pair in unit.pairs[:3])
            raise TrainingError(
                f"the loss of {names} at step {self.state.global_step + 1} is {float(terms.loss)}; nothing was updated "
                "by it: lower the learning rate, or look at the pair's ids"
            )
        return terms

    def _backward(self, loss: torch.Tensor) -> None:
        # Gradients are averaged over processes, and a step's loss is a sum over them.
        self.accelerator.backward(loss * self.args.world_size)

    def _syncing(self, model: Any, sync: bool) -> AbstractContextManager[Any]:
        if sync or self.args.world_size == 1:
            return nullcontext()
        unsynced: AbstractContextManager[Any] = self.accelerator.no_sync(model)
        return unsynced

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        # Called between the backward pass and the update: the one place where a step can still be refused.
        norm = super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[no-untyped-call]
        if norm is not None and not torch.isfinite(torch.as_tensor(norm)):
            raise TrainingError(
                f"the gradient at step {self.state.global_step + 1} is {float(norm)}; no weight was changed by it: lower "
                "the learning rate, or train in a wider dtype"
            )
        return norm

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add our numbers to those of transformers, and hand all to `on_metric`."""
        if "loss" in logs and self._steps_since_log:
            seconds = max(time.monotonic() - self._logged_at, 1e-9)
            means = self._since_log.means(self._steps_since_log)
            logs = {**logs, **means, **self._since_log.work(), "peak_gb": peak_gb()}
            logs |= {"tokens_per_s": self._since_log.tokens / seconds, **self.pending}
            self._since_log, self._steps_since_log, self._logged_at = Tally.empty(), 0, time.monotonic()
            self.pending = {}
        super().log(logs, start_time)
        tell(self._on_metric, logs, self.state.global_step)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Save; a checkpoint that could not be written whole is removed, and the error says so."""
        folder = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
        except PeercycleError:
            raise
        except (OSError, RuntimeError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise _checkpoint_error(error, folder) from error
        except Exception as error:
            # What safetensors raises derives from Exception alone.
            if type(error).__module__.partition(".")[0] not in ("safetensors", "safetensors_rust"):
                raise
            shutil.rmtree(folder, ignore_errors=True)
            raise _checkpoint_error(error, folder) from error


class _Numbers(torch.utils.data.Dataset[int]):
    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> int:
        if not 0 <= number < self._count:
            raise IndexError(number)
        return number


def _checkpoint_error(error: Exception, folder: Path) -> PeercycleError:
    if isinstance(error, OSError):
        return as_store_error(error, "write the checkpoint", folder)
    line = " ".join(str(error).split())[:200]
    return StoreError(
        f"cannot write the checkpoint {str(folder)!r}: {line} (is the disk full?); earlier checkpoints are kept"
    )
