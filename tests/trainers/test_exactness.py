"""Every memory mode gives the loss and gradients of the formula: over its constants, over shapes, over architectures."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")

from tests.trainers.formula import formula, in_float64  # noqa: E402
from tests.trainers.tiny import KINDS, tiny_model  # noqa: E402

from peercycle.trainers.arguments import training_arguments  # noqa: E402
from peercycle.trainers.opening import recompute_activations  # noqa: E402
from peercycle.trainers.simpo import attention  # noqa: E402
from peercycle.trainers.simpo.batches import EpisodeIds, PairIds, SegmentIds  # noqa: E402
from peercycle.trainers.simpo.objective import Objective, Scale, pair_terms  # noqa: E402
from peercycle.trainers.simpo.scoring import install  # noqa: E402
from peercycle.trainers.simpo.settings import SimpoSettings  # noqa: E402
from peercycle.trainers.simpo.trainer import PairTrainer, Plan  # noqa: E402

MODES = ("pair", "shared", "split", "group")
DEFAULT = Objective(2.5, 1.25, 0.1, "sequence_mean")
OBJECTIVES = [
    Objective(beta, gamma, nll_lambda, reduction)  # type: ignore[arg-type]
    for beta, gamma, nll_lambda, reduction in itertools.product(
        (0.1, 2.0, 10.0), (0.0, 1.0), (0.0, 0.1, 1.0), ("sum", "sequence_mean", "token_mean")
    )
]


class Maker:
    """Makes episodes of random tokens; prompts are one object each, as a store keeps them."""

    def __init__(self, seed: int = 0) -> None:
        self._random = torch.Generator().manual_seed(seed)
        self._names = itertools.count()

    def ids(self, count: int) -> Any:
        return torch.randint(3, 256, (count,), generator=self._random, dtype=torch.int32)

    def segment(self, prompt: Any, mask: str) -> SegmentIds:
        """Return a completion of the mask's length: `x` is a token that the policy wrote, `.` a given one."""
        own = torch.tensor([each == "x" for each in mask])
        return SegmentIds(prompt, self.ids(len(mask)), own)

    def episode(self, *segments: SegmentIds) -> EpisodeIds:
        tokens = sum(int(segment.mask.sum()) for segment in segments)
        return EpisodeIds(f"e{next(self._names)}", segments, tokens)


def single(lengths: Sequence[int], prompt: int, task: str = "t", seed: int = 0) -> list[PairIds]:
    """Return all pairs of episodes of one turn under one prompt."""
    make = Maker(seed)
    before = make.ids(prompt)
    return all_pairs([make.episode(make.segment(before, "x" * length)) for length in lengths], task)


def all_pairs(episodes: Sequence[EpisodeIds], task: str) -> list[PairIds]:
    return [PairIds(f"{a.id}>{b.id}", task, a, b) for a, b in itertools.combinations(episodes, 2)]


def many_turns() -> list[PairIds]:
    """Return pairs with turns that were given, and with segments under prompts of their own, shared and not."""
    make = Maker(7)
    outline, write = make.ids(5), make.ids(9)
    one = make.episode(make.segment(outline, "xxxx"), make.segment(write, "xxx...xx..x"))
    two = make.episode(make.segment(outline, "xx"), make.segment(write, "xxxxx....xxx"))
    three = make.episode(make.segment(make.ids(4), ".x.x."), make.segment(write, "x"))
    return all_pairs([one, two, three], "many")


SHAPES: dict[str, list[PairIds]] = {
    "one pair": single([6, 6], 8),
    "unequal lengths": single([1, 23], 3),
    "a long prompt": single([4, 3], 60),
    "three of a task": single([5, 9, 2], 7),
    "four of a task": single([3, 4, 5, 6], 6, seed=1),
    "two tasks": [*single([5, 2, 7], 4, "a", seed=2), *single([3, 8], 5, "b", seed=3)],
    "many turns": many_turns(),
}


def gradients(model: Any) -> list[Any]:
    found = [p.grad.clone() if p.grad is not None else torch.zeros_like(p) for p in trained(model)]
    model.zero_grad()
    return found


def trained(model: Any) -> list[Any]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def stepped(
    folder: Path, model: Any, pairs: list[PairIds], mode: Any, objective: Objective, *, recompute: bool | None = None
) -> tuple[float, list[Any]]:
    """Return loss and gradients of one step of the trainer itself."""
    attention.register()
    implementation = model.config._attn_implementation
    model.set_attn_implementation(attention.ATTENTION if mode in ("shared", "group") else "sdpa")
    original = model.forward
    install(model, 1, recompute=recompute)
    try:
        settings = SimpoSettings(method="full", dtype="float64")
        trainer = PairTrainer(
            plan=Plan([pairs], mode, objective),
            on_metric=lambda *_: None,
            model=model,
            args=training_arguments(settings, folder, 1, autocast=False),
        )
        tally = trainer._run(model, pairs, train=True)
    finally:
        model.forward = original
        model.set_attn_implementation(implementation)
    return float(tally.values[0]), gradients(model)


def expected(model: Any, pairs: list[PairIds], objective: Objective) -> tuple[float, list[Any]]:
    loss = formula(model, pairs, objective.beta, objective.gamma, objective.nll_lambda, objective.nll_reduction)
    loss.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach()), gradients(model)


def largest_difference(first: list[Any], second: list[Any]) -> float:
    """Return the largest difference of two gradients, relative to the largest of their values where that is over 1."""
    scale = max(1.0, *(float(value.abs().max()) for value in second))
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True)) / scale


@pytest.fixture(scope="module")
def llama() -> Any:
    return in_float64(tiny_model("llama"))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_mode_is_exact_on_every_shape(tmp_path: Path, llama: Any, shape: str) -> None:
    loss, wanted = expected(llama, SHAPES[shape], DEFAULT)
    assert max(float(value.abs().max()) for value in wanted) > 1e-3
    for mode in MODES:
        for recompute in (False, True):
            found, got = stepped(tmp_path, llama, SHAPES[shape], mode, DEFAULT, recompute=recompute)
            assert found == pytest.approx(loss, abs=1e-12)
            assert largest_difference(got, wanted) < 1e-12, f"{mode}, recomputing: {recompute}"


def check_objectives(tmp_path: Path, llama: Any, objectives: list[Objective], shapes: Sequence[str]) -> None:
    for shape, objective in itertools.product(shapes, objectives):
        loss, wanted = expected(llama, SHAPES[shape], objective)
        for mode in MODES:
            found, got = stepped(tmp_path, llama, SHAPES[shape], mode, objective)
            assert found == pytest.approx(loss, rel=1e-12)
            assert largest_difference(got, wanted) < 1e-12, f"{mode} of {shape} under {objective}"


def test_every_mode_is_exact_under_constants_from_the_whole_grid(tmp_path: Path, llama: Any) -> None:
    # Each reduction, beta, gamma and lambda occurs; the whole product is among the long proofs.
    check_objectives(tmp_path, llama, OBJECTIVES[::11], ["two tasks"])


@pytest.mark.prove(rank=95)
def test_every_mode_is_exact_under_all_constants_and_shapes(tmp_path: Path, llama: Any) -> None:
    check_objectives(tmp_path, llama, OBJECTIVES, list(SHAPES))


@pytest.mark.parametrize("kind", KINDS)
def test_every_mode_is_exact_on_every_architecture(tmp_path: Path, kind: str) -> None:
    model = in_float64(tiny_model(kind))
    loss, wanted = expected(model, SHAPES["many turns"], DEFAULT)
    for mode in MODES:
        found, got = stepped(tmp_path, model, SHAPES["many turns"], mode, DEFAULT)
        assert found == pytest.approx(loss, abs=1e-12)
        assert largest_difference(got, wanted) < 1e-12, mode


@pytest.mark.parametrize("kind", KINDS)
def test_as_shipped_the_norms_float32_is_all_that_differs(tmp_path: Path, kind: str) -> None:
    model = tiny_model(kind).double()
    loss, wanted = expected(model, SHAPES["two tasks"], DEFAULT)
    for mode in MODES:
        found, got = stepped(tmp_path, model, SHAPES["two tasks"], mode, DEFAULT)
        assert found == pytest.approx(loss, abs=1e-6)
        assert largest_difference(got, wanted) < 1e-6, mode


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # peft asks by the old name
@pytest.mark.parametrize("checkpointing", [False, True])
def test_every_mode_is_exact_with_an_adapter_and_with_recomputed_activations(
    tmp_path: Path, checkpointing: bool
) -> None:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(3)
    model = get_peft_model(
        tiny_model("llama"), LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
    )
    for name, parameter in model.named_parameters():
        # An adapter begins at zero, where half of its gradients are zero, too.
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    in_float64(model)
    loss, wanted = expected(model, SHAPES["many turns"], DEFAULT)
    if checkpointing:
        recompute_activations(model)
        model.train()
    for mode in MODES:
        found, got = stepped(tmp_path, model, SHAPES["many turns"], mode, DEFAULT)
        assert found == pytest.approx(loss, abs=1e-12)
        assert largest_difference(got, wanted) < 1e-12, mode


def test_tied_embeddings_and_a_bias_in_the_head_are_trained_exactly(tmp_path: Path) -> None:
    model = in_float64(tiny_model("llama", tie_word_embeddings=True))
    model.lm_head.bias = torch.nn.Parameter(torch.linspace(-1, 1, 256, dtype=torch.float64))
    loss, wanted = expected(model, SHAPES["three of a task"], DEFAULT)
    for mode in MODES:
        for recompute in (False, True):
            found, got = stepped(tmp_path, model, SHAPES["three of a task"], mode, DEFAULT, recompute=recompute)
            assert found == pytest.approx(loss, abs=1e-12)
            assert largest_difference(got, wanted) < 1e-12, f"{mode}, recomputing: {recompute}"


@pytest.mark.parametrize("beta", [0.5, 2.5])
@pytest.mark.parametrize("nll_lambda", [0.0, 0.3])
def test_trls_cpo_trainer_has_the_same_loss_and_gradients(tmp_path: Path, beta: float, nll_lambda: float) -> None:
    pytest.importorskip("trl", reason="needs trl: pip install 'peercycle[train]'")
    from peercycle.trainers.arguments import quiet
    from peercycle.trainers.with_trl.cpo import cpo_trainer, loss_of
    from peercycle.trainers.with_trl.settings import TrlCpoSettings

    quiet()
    model = tiny_model("llama")
    settings = TrlCpoSettings(beta=beta, gamma=0.7, nll_lambda=nll_lambda, method="full", checkpointing=False)
    objective = Objective(beta, 0.7, nll_lambda, "sequence_mean")
    for pairs in (SHAPES["one pair"], SHAPES["unequal lengths"], SHAPES["a long prompt"]):
        trainer = cpo_trainer(model, [pairs], settings, tmp_path)
        loss = loss_of(trainer, pairs)
        loss.backward()
        theirs = gradients(model)
        for mode in MODES:
            ours, got = stepped(tmp_path, model, pairs, mode, objective)
            assert ours == pytest.approx(float(loss.detach()), abs=1e-5)
            assert largest_difference(got, theirs) < 1e-5, mode


def terms(objective: Objective) -> Any:
    """A pair whose winner has a mean log-probability of -0.5 over 4 tokens, its loser one of -1.5 over 2."""
    sums = torch.tensor([-2.0, -3.0], dtype=torch.float64)
    counts = torch.tensor([4, 2])
    return pair_terms(sums, counts, torch.tensor([0]), torch.tensor([1]), objective, Scale(1, 4))


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        # beta * 1 - gamma = 1: log(1 + 1/e)
        (Objective(2.0, 1.0, 0.0, "sum"), 0.31326168751822286),
        # the same, and 0.5 for each of four tokens, a mean of 0.5
        (Objective(2.0, 1.0, 1.0, "sum"), 2.31326168751822286),
        (Objective(2.0, 1.0, 1.0, "sequence_mean"), 0.81326168751822286),
        (Objective(2.0, 1.0, 0.1, "token_mean"), 0.36326168751822286),
        # beta * 1 - gamma = 0: log 2
        (Objective(1.0, 1.0, 0.0, "sum"), math.log(2)),
        # SimPO's Llama-3 instruct v0.2 setting: 10 - 3 = 7
        (Objective(10.0, 3.0, 0.0, "sum"), 0.0009114664537742627),
    ],
)
def test_the_objective_has_the_values_of_a_pocket_calculator(objective: Objective, loss: float) -> None:
    found = terms(objective)
    assert float(found.loss) == pytest.approx(loss, abs=1e-15)
    assert float(found.saturation) == pytest.approx(1 / (1 + math.exp(objective.beta - objective.gamma)), abs=1e-15)


def test_an_infinite_difference_gives_a_finite_loss() -> None:
    sums = torch.tensor([-1e6, 0.0], dtype=torch.float64, requires_grad=True)
    found = pair_terms(
        sums, torch.tensor([1, 1]), torch.tensor([0]), torch.tensor([1]), Objective(10, 0, 0, "sum"), Scale(1, 1)
    )
    found.loss.backward()  # type: ignore[no-untyped-call]
    assert float(found.loss.detach()) == pytest.approx(1e7)
    assert torch.isfinite(sums.grad).all()
