"""The command line and the environment that a vLLM server is started with."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from peercycle.agents.models.vllm import launch
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.core.base import JSON
from peercycle.core.errors import ModelUnavailableError

INHERITED = ("PATH", "HOME", "USER", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE")
INHERITED_PREFIXES = ("CUDA_", "NVIDIA_", "NCCL_", "ROCM_", "HIP_", "OMP_", "TORCH", "TRITON_", "LC_")
"""What a server may know of our environment. Keys are not among it: weights are fetched before it starts."""
OURS = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    # Else vLLM looks up the machine's address in the network, by asking for a route out of it.
    "VLLM_HOST_IP": "127.0.0.1",
}
LAUNCH = str(Path(launch.__file__).resolve())
ADAPTER = "adapter"
"""The name under which a server knows the adapter of its settings."""


def interpreter(environment: str) -> Path:
    """Return the Python of an environment that has vLLM. Raises `ModelUnavailableError` with what to run."""
    folder = Path(environment).expanduser().absolute()
    python = folder / "bin" / "python"
    if os.access(python, os.X_OK) and any(folder.glob("lib*/python3*/site-packages/vllm/__init__.py")):
        return python
    raise ModelUnavailableError(
        f"there is no vLLM in the environment {environment!r}: make one with `python -m venv "
        f"{environment}` and `{environment}/bin/pip install vllm` (without a GPU: docs/models.md says how)"
    )


def command(settings: VllmSettings, weights: str, place: list[str]) -> list[str]:
    """Return the command that serves weights at a place."""
    assert settings.environment is not None
    # Isolated: our folder is not to stand on the path of vLLM's Python.
    line = [str(interpreter(settings.environment)), "-I", LAUNCH, "serve", weights, *place]
    line += flags(settings.engine_args)
    if settings.adapter is not None:
        adapter = str(Path(settings.adapter).expanduser().resolve())
        line += ["--enable-lora", "--lora-modules", f"{ADAPTER}={adapter}"]
    return line


def flags(arguments: Mapping[str, JSON]) -> list[str]:
    """Return engine arguments as the command line has them; what they mean is vLLM's affair."""
    line: list[str] = []
    for name, value in arguments.items():
        flag = "--" + name.removeprefix("--").replace("_", "-")
        if value is True:
            line.append(flag)
        elif value is False:
            line.append(f"--no-{flag[2:]}")
        elif isinstance(value, list):
            line += [flag, *[item if isinstance(item, str) else json.dumps(item) for item in value]]
        elif value is not None:
            line += [flag, value if isinstance(value, str) else json.dumps(value)]
    return line


def environ(settings: VllmSettings, key: str | None) -> dict[str, str]:
    """Return the variables of a started server."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in INHERITED or (name.startswith(INHERITED_PREFIXES) and "KEY" not in name and "TOKEN" not in name)
    }
    ours = dict(OURS)
    if key is not None:
        ours["VLLM_API_KEY"] = key
    if settings.training:
        ours |= {"VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"}
    return {**inherited, **ours, **settings.engine_env}
