"""A vLLM server as the cycle and the training loop see it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from peercycle.agents.models.openai.settings import OpenAISettings, Patience
from peercycle.agents.models.presets import resolve
from peercycle.agents.models.vllm.arguments import ADAPTER, interpreter
from peercycle.agents.models.vllm.client import VllmClient, http_url, socket_transport
from peercycle.agents.models.vllm.clock import SharedClock
from peercycle.agents.models.vllm.server import Server
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.agents.models.weights import fetched
from peercycle.core.errors import ModelError, ModelUnavailableError, OutageError, UsageError
from peercycle.core.identity import Identity, identify
from peercycle.core.modelling import ModelRequest, ModelResult, Usage
from peercycle.core.outlasting import together


class VllmModel:
    """Answers through a server. Entering starts it, unless it is attached to; leaving ends what was started."""

    def __init__(self, settings: VllmSettings) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._client: VllmClient | None = None
        self._identity = Identity()
        self._clock = SharedClock()
        self._served = settings.model
        self._looking = asyncio.Lock()
        self._looked = False
        """Whether an attached server was asked which folder it serves."""

    async def __aenter__(self) -> VllmModel:
        """Start the server and wait for it, or make ready to ask the one that is there."""
        settings = self._settings
        if settings.environment is not None:
            # In the order in which they are to be had: weights are gigabytes, and of no use without what serves them.
            interpreter(settings.environment)
            _require_adapter(settings.adapter)
            folder = await asyncio.to_thread(
                fetched, resolve(settings.model), settings.revision, local_only=settings.local_files_only
            )
            self._identity = await asyncio.to_thread(_identity, folder, settings.adapter)
            self._served = ADAPTER if settings.adapter else _path(folder)
            self._server = Server(settings, _path(folder))
            await self._server.start()
        self._client = self._make_client()
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the connections, and end the server that we started."""
        try:
            if self._client is not None:
                await self._client.__aexit__(*exc)
        finally:
            self._client = None
            if self._server is not None:
                await self._server.stop()
                self._server = None

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        """Answer every request, in order; the server batches them with whatever else it is asked."""
        return await together(self._answer(request) for request in requests)

    def worst_case(self, request: ModelRequest) -> Usage:
        """Return a bound, as for any server."""
        return self._entered().worst_case(request)

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Load a LoRA adapter, or load it again under its name, and sample with it from now on.

        Only in training; the server has to be started with `enable_lora`. Raises `ModelError` where it refuses.
        """
        body = {"lora_name": name, "lora_path": _path(folder), "load_inplace": True}
        await self._develop("/v1/load_lora_adapter", body)
        await self._forget_prefixes()
        adapter = await asyncio.to_thread(identify, folder)
        base = (self._identity.weights or "").partition("+")[0]
        self._identity = replace(self._identity, weights=f"{base}+{adapter.weights or name}")
        await self._serve(name)

    async def reload_weights(self, folder: Path) -> None:
        """Put other weights of the same shape into the running engine, and forget what it computed with the old ones.

        Only in training. Requests on their way would be answered by both: have none.
        """
        await self._develop(
            "/collective_rpc", {"method": "reload_weights", "kwargs": {"weights_path": _path(folder)}}
        )
        await self._forget_prefixes()
        self._identity = replace(self._identity, weights=(await asyncio.to_thread(identify, folder)).weights)

    async def counters(self) -> Mapping[str, float]:
        """Return the engine's own counters, summed over labels: prompt tokens, cached tokens, and the like."""
        response = await self._entered().get("/metrics")
        found: dict[str, float] = {}
        for line in response.text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name.partition("{")[0]] = found.get(name.partition("{")[0], 0.0) + float(value)
        return found

    async def _answer(self, request: ModelRequest) -> ModelResult:
        if self._server is not None:
            await self._server.ensure()
        elif not self._looked:
            # Whoever asks meanwhile waits: an answer without an identity is of no use to training.
            async with self._looking:
                if not self._looked:
                    self._identity = await self._entered().identity_here()
                    self._looked = True
        identity = self._identity
        share = self._clock.begin()
        try:
            result = await self._once(request)
        except OutageError:
            if self._server is None or not await self._server.has_died():
                raise
            # It died under the request: started anew, it is asked once more.
            await self._server.ensure()
            result = await self._once_more(self._server, request)
        finally:
            seconds = self._clock.end(share)
        return result.model_copy(
            update={
                "tokenizer_hash": identity.tokenizer,
                "template_hash": identity.template,
                "weights_revision": identity.weights or result.weights_revision,
                "usage": result.usage.model_copy(update={"engine_seconds": seconds}),
            }
        )

    async def _once(self, request: ModelRequest) -> ModelResult:
        (result,) = await self._entered().generate([request])
        return result

    async def _once_more(self, server: Server, request: ModelRequest) -> ModelResult:
        try:
            return await self._once(request)
        except OutageError as error:
            if await server.has_died():
                raise OutageError(f"the vLLM server died twice under one request: {server.last_words()}") from error
            raise

    async def _forget_prefixes(self) -> None:
        """Without this, prompts that begin alike would be answered from what the old weights computed."""
        found = (await self._develop("/reset_prefix_cache", {})).json()
        if not (isinstance(found, dict) and found.get("success")):
            raise ModelError("the vLLM server did not reset its prefix cache: requests are on their way; have none")

    async def _develop(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        if not self._settings.training:
            raise UsageError("weights are replaced in training only: set training = true on a server that we start")
        return await self._entered().post(path, body)

    async def _serve(self, name: str) -> None:
        """Ask for another of the server's models from now on."""
        self._served = name
        client, self._client = self._client, self._make_client()
        await self._client.__aenter__()
        if client is not None:
            await client.__aexit__()

    def _make_client(self) -> VllmClient:
        settings = self._settings
        patience = {name: getattr(settings, name) for name in Patience.model_fields}
        chosen = OpenAISettings(
            **patience,
            model=self._served,
            base_url=self._server.base_url if self._server else http_url(str(settings.url)),
            api_key_env=settings.api_key_env,
            stream=settings.stream,
            max_tokens=settings.max_tokens,
            return_token_ids=True,
            extra_body=settings.extra_body,
        )
        if self._server is not None:
            return VllmClient(chosen, self._server.transport(), self._server.key)
        return VllmClient(chosen, socket_transport(settings.url, settings))

    def _entered(self) -> VllmClient:
        if self._client is None:
            raise UsageError("the vLLM model is used before it was entered; write `async with model:`")
        return self._client


def _path(folder: Path) -> str:
    return str(folder.expanduser().resolve())


def _require_adapter(adapter: str | None) -> None:
    if adapter is not None and not (Path(adapter).expanduser() / "adapter_config.json").is_file():
        raise ModelUnavailableError(f"there is no LoRA adapter in {adapter!r}: it has no adapter_config.json")


def _identity(folder: Path, adapter: str | None) -> Identity:
    found = identify(folder)
    if adapter is None:
        return found
    return replace(found, weights=f"{found.weights}+{identify(Path(adapter).expanduser()).weights or adapter}")
