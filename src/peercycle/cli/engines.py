"""What `doctor` says of language models: which engines are here, what they lack, and the published models by name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from peercycle.cli.machine import Finding

if TYPE_CHECKING:
    from peercycle.core.settings import Settings

PARTS = ("torch", "transformers", "accelerate", "llguidance")
"""What `transformers` needs; the last holds answers to JSON schemas."""


def engines(settings: Settings) -> list[Finding]:
    """Look for every engine. Only looked for: importing one takes seconds, and nothing is asked over the network."""
    return [_openai(settings), _vllm(settings), _transformers(), _presets()]


def _openai(settings: Settings) -> Finding:
    from peercycle.agents.models.openai.keys import key_variable
    from peercycle.agents.models.openai.settings import OPENAI_URL

    chosen = settings.component("models", "openai")
    url = str(chosen.get("base_url") or OPENAI_URL)
    named = chosen.get("api_key_env")
    variable = key_variable(url, named if isinstance(named, str) else None)
    key = f"with the key in {variable}" if variable else "without a key"
    return Finding("engine openai", True, f"any compatible server: models named openai/NAME are asked at {url} {key}")


def _vllm(settings: Settings) -> Finding:
    from peercycle.agents.models.vllm.arguments import interpreter
    from peercycle.core.errors import PeercycleError

    chosen = settings.component("models", "vllm")
    if url := chosen.get("url"):
        return Finding("engine vllm", True, f"models named vllm/NAME are asked at {url}, which is not started by us")
    place = chosen.get("environment")
    fix = "python -m venv ENV && ENV/bin/pip install vllm, then set environment under [models.vllm]"
    if not place:
        return Finding("engine vllm", False, "no environment or url is set under [models.vllm]", fix)
    try:
        python = interpreter(str(place))
    except PeercycleError as error:
        return Finding("engine vllm", False, str(error), fix)
    return Finding("engine vllm", True, f"started from {Path(python).parent.parent} for models named vllm/FOLDER")


def _transformers() -> Finding:
    missing = [name for name in PARTS if find_spec(name) is None]
    detail = f"without {', '.join(missing)}" if missing else "installed: models named transformers/FOLDER run in here"
    return Finding("engine transformers", not missing, detail, "pip install 'peercycle[transformers]'")


def _presets() -> Finding:
    from peercycle.agents.models.presets import PRESETS

    rows = [
        {
            "name": preset.name,
            "weights": preset.weights,
            "role": preset.role,
            "base": preset.base,
            "context": preset.context,
            "recommended": preset.recommended,
            "least": preset.least,
            "page": preset.page,
        }
        for preset in PRESETS
    ]
    names = ", ".join(preset.name for preset in PRESETS)
    return Finding(
        "published models", True, f"by name, once their weights are here: {names}", facts={"presets": rows}
    )
