"""Published models by short names, with the hardware that their authors recommend.

Names and sizes are those of the model cards; where sources disagree on a size, each is a row of its own. None of
these weights comes with peercycle: each has its own licence, and some pages ask for consent before a download.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preset:
    """One published model."""

    name: str
    """What to write after `BACKEND/`."""
    weights: str
    """Its name on the Hugging Face hub."""
    role: str
    """What it was trained for: the policy or the reviewer that speaks its format."""
    base: str
    context: int
    """Tokens of prompt and answer that the authors' own code allows."""
    recommended: str | None = None
    """The hardware that its authors recommend, in their words; None where they do not say."""
    least: str | None = None
    """The least that they say it runs on."""

    @property
    def page(self) -> str:
        """Where its licence and its weights are."""
        return f"https://huggingface.co/{self.weights}"


PRESETS: tuple[Preset, ...] = (
    Preset(
        name="cycleresearcher-12b",
        weights="WestlakeNLP/CycleResearcher-ML-12B",
        role="cycleresearcher",
        base="Mistral-Nemo-Instruct-2407",
        context=60000,
        recommended="2 x H100",
        least="1 x H100",
    ),
    Preset(
        name="cycleresearcher-72b",
        weights="WestlakeNLP/CycleResearcher-ML-72B",
        role="cycleresearcher",
        base="Qwen2.5-72B-Instruct",
        context=60000,
        recommended="8 x H100",
        least="4 x H100",
    ),
    Preset(
        name="cycleresearcher-123b",
        weights="WestlakeNLP/CycleResearcher-ML-123B",
        role="cycleresearcher",
        base="Mistral-Large-Instruct-2407",
        context=60000,
        recommended="8 x H100",
        least="8 x H100",
    ),
    Preset(
        name="cyclereviewer-8b",
        weights="WestlakeNLP/CycleReviewer-ML-Llama3.1-8B",
        role="cyclereviewer",
        base="Llama-3.1-8B",
        context=50000,
    ),
    Preset(
        name="cyclereviewer-70b",
        weights="WestlakeNLP/CycleReviewer-ML-Llama3.1-70B",
        role="cyclereviewer",
        base="Llama-3.1-70B",
        context=50000,
    ),
    Preset(
        name="cyclereviewer-123b",
        weights="WestlakeNLP/CycleReviewer-ML-Pro-123B",
        role="cyclereviewer",
        base="Mistral-Large-Instruct-2407",
        context=50000,
    ),
    Preset(
        name="deepreviewer-7b",
        weights="WestlakeNLP/DeepReviewer-7B",
        role="deepreviewer",
        base="not stated",
        context=90000,
        recommended="1 x RTX 3090, 4090 or 5090 (bf16)",
        least="1 x RTX 4070 (int8)",
    ),
    Preset(
        name="deepreviewer-14b",
        weights="WestlakeNLP/DeepReviewer-14B",
        role="deepreviewer",
        base="Phi-4",
        context=90000,
        recommended="1 x A100 (bf16)",
        least="1 x RTX 3090, 4090 or 5090 (int8)",
    ),
)

_BY_NAME = {preset.name: preset for preset in PRESETS}


def find(name: str) -> Preset | None:
    """Return the preset of a short name."""
    return _BY_NAME.get(name.lower())


def resolve(name: str) -> str:
    """Return the hub's name of a preset; any other name as it is."""
    preset = find(name)
    return preset.weights if preset else name
