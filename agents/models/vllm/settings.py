"""Which weights a vLLM server serves, and where it runs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from peercycle.agents.models.openai.settings import Patience
from peercycle.core.base import JSON


class VllmSettings(Patience):
    """Either `url`, to attach to a server, or `environment`, to start one."""

    model: str = Field(
        description="write vllm/MODEL, a folder, a name on the Hugging Face hub or a preset, such as "
        "--model vllm/cyclereviewer-8b; attached, the name that the server gives it"
    )
    """Started: a folder, a name on the Hugging Face hub, or a preset. Attached: the name that the server gives it."""
    url: str | None = None
    """Address of a running server, up to and with `/v1`, or `unix:PATH` for its socket. It is asked for answers only:
    never ended, its weights never replaced."""
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the variable with the attached server's key."""
    environment: str | None = None
    """Folder of the Python environment that vLLM is installed in."""
    revision: str | None = None
    """Branch, tag or commit of weights on the hub."""
    listen: Literal["socket", "loopback"] = "socket"
    """A started server's address: a Unix socket in a folder of ours, or a port of 127.0.0.1 with a key of its own."""
    engine_args: dict[str, JSON] = {}
    """Arguments of `vllm serve`, passed on unchanged: `{"max_model_len": 8192, "enforce_eager": true}`."""
    engine_env: dict[str, str] = {}
    """Variables for a started server, such as `VLLM_CPU_KVCACHE_SPACE`; no keys belong here."""
    adapter: str | None = None
    """Folder of a LoRA adapter; answers are sampled with it."""
    start_timeout_s: float = Field(default=900.0, gt=0)
    restarts: int = Field(default=3, ge=0)
    """How often a started server that died is started anew."""
    training: bool = False
    """Let weights and adapters be replaced while it runs: opens vLLM's development end points on the socket."""
    local_files_only: bool = False
    """Never ask the hub: only folders and what was downloaded before."""
    max_tokens: int = Field(default=2048, ge=1)
    """Tokens of an answer where the request does not say."""
    stream: bool = False
    extra_body: dict[str, JSON] = {}
    """Sent along with every request, such as `{"chat_template_kwargs": {"enable_thinking": false}}`."""

    @model_validator(mode="after")
    def _one_place(self) -> VllmSettings:
        if (self.url is None) == (self.environment is None):
            raise ValueError(
                "set `environment`, the folder of a Python that has vLLM, to start a server "
                "(--set models.vllm.environment=/opt/vllm), or `url` to attach to one: just one (docs/models.md)"
            )
        if self.training and (self.url is not None or self.listen != "socket"):
            raise ValueError("`training` needs a server of our own on a socket: development end points guard nothing")
        if self.url is not None and self.adapter is not None:
            raise ValueError("an attached server names its adapters itself: give that name as `model`")
        return self
