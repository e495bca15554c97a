"""Chat Completions with what vLLM adds to them, over a port or a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import httpx

from peercycle.agents.models.openai.bodies import Prefixing
from peercycle.agents.models.openai.keys import Credentials
from peercycle.agents.models.openai.model import OpenAIModel, connections, is_here
from peercycle.agents.models.openai.settings import OpenAISettings, Patience
from peercycle.core.errors import ModelError
from peercycle.core.identity import Identity, identify

SOCKET = "unix:"


class VllmClient(OpenAIModel):
    """One server's client."""

    backend: ClassVar[str] = "vllm"
    prefixing: ClassVar[Prefixing] = "continue"

    def __init__(
        self, settings: OpenAISettings, transport: httpx.AsyncBaseTransport | None, key: str | None = None
    ) -> None:
        super().__init__(settings, transport=transport)
        self._server_key = key

    async def __aenter__(self) -> VllmClient:
        await super().__aenter__()
        if self._server_key is not None and self._exchange is not None:
            headers = {"Authorization": f"Bearer {self._server_key}"}
            self._exchange.credentials = Credentials(headers, (self._server_key,))
        return self

    async def identity_here(self) -> Identity:
        """Return what identifies the served model, where its server says that it lies in a folder of this machine."""
        if self._transport is None and not is_here(self._settings.base_url):
            return Identity()
        with suppress(httpx.HTTPError, ValueError, TypeError, AttributeError):
            headers = dict(self._entered().credentials.headers)
            found = (await self._entered().client.get("models", headers=headers)).json()
            roots = {model.get("id"): model.get("root") for model in found.get("data", ())}
            folder = Path(str(roots.get(self._settings.model) or ""))
            if await asyncio.to_thread(folder.is_dir):
                return await asyncio.to_thread(identify, folder)
        return Identity()

    async def get(self, path: str) -> httpx.Response:
        """Ask an end point outside `/v1`."""
        return await self._entered().client.get(self._root() + path)

    async def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Tell an end point outside Chat Completions. Raises `ModelError` where it refuses."""
        exchange = self._entered()
        response = await exchange.client.post(self._root() + path, json=body, headers=exchange.credentials.headers)
        if response.status_code != 200:
            raise ModelError(f"the vLLM server refuses {path} ({response.status_code}): {response.text[:300]}")
        return response

    def _root(self) -> str:
        return self._settings.base_url.rstrip("/").removesuffix("/v1")


def socket_transport(url: str | None, patience: Patience) -> httpx.AsyncBaseTransport | None:
    """Return the way through a socket for `unix:PATH`, None for an address of the network."""
    if url is None or not url.startswith(SOCKET):
        return None
    return httpx.AsyncHTTPTransport(uds=url.removeprefix(SOCKET), limits=connections(patience))


def http_url(url: str) -> str:
    """Return the address that stands in requests."""
    return "http://vllm/v1" if url.startswith(SOCKET) else url
