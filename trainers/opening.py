"""Opening the model that is trained: weights or an adapter on them, LoRA or whole, in the dtype that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peercycle.core.errors import UsageError
from peercycle.trainers.extras import require_train
from peercycle.trainers.faults import fault_of
from peercycle.trainers.model_folder import ADAPTER_FILE, folder_of
from peercycle.trainers.simpo.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Opened:
    """A model ready to be trained."""

    model: Any
    lora: bool
    autocast: bool
    """What is trained is held in float32 and computed in bfloat16."""


def open_model(base: str, settings: TrainingSettings) -> Opened:
    """Load a causal language model, or an adapter with its base, and make it trainable. No dropout is left in it.

    Raises `UsageError` for what is no such model.
    """
    require_train("torch", "transformers", "accelerate", "peft")
    import torch

    torch.manual_seed(settings.seed)
    on_gpu = torch.cuda.is_available()
    if settings.offload and not on_gpu:
        raise UsageError("offload moves what a GPU keeps into the host's memory, and here is no GPU: leave it out")
    dtype, autocast = _dtype(settings, on_gpu)
    is_adapter = (Path(base) / ADAPTER_FILE).is_file()
    try:
        model = _adapter(base, dtype) if is_adapter else _whole(base, dtype)
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(
            f"{base!r} cannot be opened as a language model: {' '.join(fault_of(error).split())[:300]}"
        ) from None
    if settings.method == "lora" and not is_adapter:
        model = _with_adapter(model, settings)
    elif settings.method == "full" and is_adapter:
        raise UsageError(f"{base!r} is an adapter; train it with method 'lora', or merge it first")
    _without_dropout(model)
    model.config.use_cache = False
    if settings.checkpointing:
        recompute_activations(model, offload=settings.offload)
    return Opened(model, settings.method == "lora", autocast)


def recompute_activations(model: Any, *, offload: bool = False) -> None:
    """Have each layer's activations computed a second time in the backward pass instead of kept.

    Raises `UsageError` where this transformers cannot move what is kept to the host's memory.
    """
    again = {"use_reentrant": False}
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(again, offload=offload)
    elif offload:
        raise UsageError("offload needs a transformers that has it: pip install -U transformers")
    else:
        model.gradient_checkpointing_enable(again)


def _dtype(settings: TrainingSettings, on_gpu: bool) -> tuple[Any, bool]:
    import torch

    wanted = settings.dtype if settings.dtype != "auto" else "bfloat16" if on_gpu else "float32"
    autocast = wanted == "bfloat16"
    # An adapter's matrices are float32 whatever they lie on; whole weights need a dtype in which small updates count.
    return torch.float32 if autocast and settings.method == "full" else getattr(torch, wanted), autocast


def _whole(base: str, dtype: Any) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder_of(base), dtype=dtype)


def _adapter(base: str, dtype: Any) -> Any:
    from peft import PeftConfig, PeftModel

    under = PeftConfig.from_pretrained(base).base_model_name_or_path
    if not under:
        raise ValueError("its adapter_config.json names no base model")
    if Path(under).is_absolute() and not Path(under).is_dir():
        raise UsageError(
            f"the adapter {base!r} lies on {under!r}, which is gone; put it back there, or write where it is now as "
            f"base_model_name_or_path into {str(Path(base) / ADAPTER_FILE)!r}"
        )
    return PeftModel.from_pretrained(_whole(str(under), dtype), base, is_trainable=True)


def _with_adapter(model: Any, settings: TrainingSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    targets = settings.lora_targets
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,  # type: ignore[arg-type]
        lora_dropout=0.0,
        target_modules=targets[0] if targets == ("all-linear",) else list(targets),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _without_dropout(model: Any) -> None:
    """Remove every dropout: two forward passes of one episode must agree, and a resumed training with itself."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for name in ("attention_dropout", "attn_pdrop", "resid_pdrop", "embd_pdrop", "hidden_dropout", "dropout"):
        if isinstance(getattr(model.config, name, None), float):
            setattr(model.config, name, 0.0)
    for module in model.modules():
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0
