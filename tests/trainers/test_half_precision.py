"""Computed in bfloat16, as on a GPU: every mode has nearly the gradients of float64, and nothing is kept in float32 twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'peercycle[train]'")

from tests.trainers.formula import formula, in_float64  # noqa: E402
from tests.trainers.test_exactness import DEFAULT, MODES, SHAPES, gradients, single  # noqa: E402
from tests.trainers.test_simpo_training import latest, trained  # noqa: E402
from tests.trainers.tiny import tiny_model  # noqa: E402

from peercycle.trainers.arguments import training_arguments  # noqa: E402
from peercycle.trainers.opening import recompute_activations  # noqa: E402
from peercycle.trainers.simpo import attention  # noqa: E402
from peercycle.trainers.simpo.scoring import install  # noqa: E402
from peercycle.trainers.simpo.settings import SimpoSettings  # noqa: E402
from peercycle.trainers.simpo.trainer import PairTrainer, Plan  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks by the old name

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU of NVIDIA's")),
]


def with_adapter(dtype: Any, **more: Any) -> Any:
    """Return a model in `dtype` under a float32 adapter that is not at zero."""
    from peft import LoraConfig, get_peft_model

    options = {"hidden_size": 64, "intermediate_size": 96, "initializer_range": 0.1, **more}
    model = get_peft_model(
        tiny_model("llama", **options).to(dtype),
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def stepped(folder: Path, model: Any, pairs: Any, mode: Any, device: str) -> tuple[float, list[Any]]:
    """Return loss and gradients of one step, the model prepared as training prepares it."""
    attention.register()
    model.set_attn_implementation(attention.ATTENTION if mode in ("shared", "group") else "sdpa")
    original = model.forward
    install(model, 1)
    arguments = training_arguments(SimpoSettings(), folder, 1, autocast=True)
    # The argument of that name is settled when it is made; where there is a GPU, it would be taken.
    if device == "cpu":
        arguments.use_cpu = True
    trainer = PairTrainer(
        plan=Plan([pairs], mode, DEFAULT), on_metric=lambda *_: None, model=model.to(device), args=arguments
    )
    try:
        tally = trainer._run(trainer.accelerator.prepare_model(model), pairs, train=True)
        return float(tally.values[0]), [value.cpu() for value in gradients(model)]
    finally:
        model.forward = original
        model.to("cpu")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_near_the_formula_under_an_adapter(tmp_path: Path, device: str, mode: str) -> None:
    pairs = single([40, 30, 80], 60) if mode == "group" else single([40, 80], 60)
    exact = in_float64(with_adapter(torch.bfloat16))
    loss: Any = formula(exact, pairs, DEFAULT.beta, DEFAULT.gamma, DEFAULT.nll_lambda, DEFAULT.nll_reduction)
    loss.backward()
    wanted = torch.cat([value.flatten() for value in gradients(exact)])
    model = with_adapter(torch.bfloat16)
    recompute_activations(model)
    model.train()
    found, got = stepped(tmp_path, model, pairs, mode, device)
    assert all(value.dtype == torch.float32 for value in got)
    assert found == pytest.approx(float(loss.detach()), rel=0.01)
    mine = torch.cat([value.flatten() for value in got]).double()
    assert float((mine - wanted).norm() / wanted.norm()) < 0.05


def test_an_adapter_takes_what_it_is_given_without_a_float32_copy(tmp_path: Path) -> None:
    model = with_adapter(torch.bfloat16)
    taken: set[Any] = set()
    for name, module in model.named_modules():
        if name.endswith("lora_A.default"):
            module.register_forward_pre_hook(lambda _, given: taken.add(given[0].dtype))
    stepped(tmp_path, model, SHAPES["one pair"], "pair", "cpu")
    assert taken == {torch.bfloat16}


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_training_in_bfloat16_learns_what_one_in_float32_does(tmp_path: Path, method: str) -> None:
    settings: dict[str, Any] = {"method": method, "epochs": 4, "checkpointing": True}
    _, wide = trained(tmp_path / "wide", dtype="float32", **settings)
    _, half = trained(tmp_path / "half", dtype="bfloat16", **settings)
    first = next(value for name, value, _ in half if name == "loss")
    assert latest(half)["loss"] < 0.95 * first
    assert latest(half)["loss"] == pytest.approx(latest(wide)["loss"], rel=0.05)
