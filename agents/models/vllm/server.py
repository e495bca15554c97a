"""A vLLM server that we start, wait for, and end; it never outlives this process."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import httpx

from peercycle.agents.models.openai.model import connections
from peercycle.agents.models.vllm import keeper
from peercycle.agents.models.vllm.arguments import command, environ, interpreter
from peercycle.agents.models.vllm.settings import VllmSettings
from peercycle.core.errors import ModelUnavailableError, OutageError

KEEPER = str(Path(keeper.__file__).resolve())
NOTICED_S = 15.0
"""How long after its socket a dying server may end: vLLM puts its processes away first."""
GRACE_S = 20.0
"""How long a server may take to end by itself."""
POLL_S = 0.2
LONGEST_SOCKET = 100
"""Bytes of a Unix socket's path that every system takes."""


class Server:
    """One server process in the hands of a keeper, with its folder: socket and log."""

    def __init__(self, settings: VllmSettings, weights: str) -> None:
        self._settings = settings
        self._weights = weights
        self._folder: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._starts = 0
        self.key: str | None = None
        self.base_url = "http://vllm/v1"

    def transport(self) -> httpx.AsyncBaseTransport | None:
        """Return how the server is reached: through its socket, or None for a port."""
        if self._settings.listen == "loopback":
            return None
        return httpx.AsyncHTTPTransport(uds=str(self._place() / "socket"), limits=connections(self._settings))

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises `ModelUnavailableError` with the end of its log."""
        # Before there is anything to clean up.
        interpreter(str(self._settings.environment))
        folder = self._place()
        place = self._address(folder)
        line = command(self._settings, self._weights, place)
        (folder / "socket").unlink(missing_ok=True)
        self._starts += 1
        with (folder / "log").open("ab") as log:
            self._process = await self._launch(line, log)
        try:
            await self._await_health()
        except BaseException as error:
            # Who broke it off needs no log of it; whom it refused does.
            await self.stop(keep_log=isinstance(error, ModelUnavailableError))
            raise

    async def ensure(self) -> None:
        """Start the server anew where it died. Raises `OutageError` once it has died too often."""
        if not self.died:
            return
        async with self._starting:
            # Whoever came first has started it meanwhile.
            if self.died:
                if self._starts > self._settings.restarts:
                    raise OutageError(f"the vLLM server died {self._starts} times: {self.last_words()}")
                await self.start()

    @property
    def died(self) -> bool:
        """Whether the server ended without having been asked to."""
        return self._process is not None and self._process.returncode is not None

    async def has_died(self) -> bool:
        """Return whether the server ended: its connections break a moment before its keeper says so."""
        if self._process is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), NOTICED_S)
        return self.died

    async def stop(self, *, keep_log: bool = False) -> None:
        """End the server and everything that it started."""
        # One that died has the reason in its log, and nowhere else.
        keep_log = keep_log or self.died
        process, self._process = self._process, None
        if process is not None:
            await asyncio.shield(_ended(process))
        if self._folder is not None and not keep_log:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def _launch(self, line: list[str], log: BinaryIO) -> asyncio.subprocess.Process:
        # The keeper sits in a session of its own: a Ctrl-C that drains the run must not end its engine.
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            KEEPER,
            str(GRACE_S),
            *line,
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environ(self._settings, self.key),
            start_new_session=True,
        )

    def _place(self) -> Path:
        if self._folder is None:
            folder = Path(tempfile.mkdtemp(prefix="peercycle-vllm-"))  # of mode 0700
            if len(str(folder / "socket").encode()) > LONGEST_SOCKET:
                folder.rmdir()
                folder = Path(tempfile.mkdtemp(prefix="peercycle-vllm-", dir="/tmp"))
            self._folder = folder
        return self._folder

    def _address(self, folder: Path) -> list[str]:
        if self._settings.listen == "socket":
            return ["--uds", str(folder / "socket")]
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/v1"
        self.key = self.key or secrets.token_urlsafe(24)
        return ["--host", "127.0.0.1", "--port", str(port)]

    async def _await_health(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._settings.start_timeout_s
        root = self.base_url.removesuffix("/v1")
        async with httpx.AsyncClient(transport=self.transport(), base_url=root, trust_env=False, timeout=5) as client:
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get("/health")).status_code == 200:
                        return
                if self._process.returncode is not None:
                    raise ModelUnavailableError(f"the vLLM server did not start: {self.last_words()}")
                if time.monotonic() > deadline:
                    raise ModelUnavailableError(
                        f"the vLLM server was not ready within {self._settings.start_timeout_s:.0f} s "
                        f"(start_timeout_s): {self.last_words()}"
                    )
                await asyncio.sleep(POLL_S)

    def last_words(self) -> str:
        """Return the line of the log that most likely says why, and where the log is."""
        if self._folder is None:
            return "its log is gone"
        path = self._folder / "log"
        with suppress(OSError):
            lines = [line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
            telling = [line for line in lines[-200:] if "Error" in line or "error:" in line]
            if telling or lines:
                return f"{(telling or lines)[-1][-300:]} (its log: {path})"
        return f"its log: {path}"


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Close the keeper's standard input, which ends the server, and wait; kill the keeper where that is no use."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), GRACE_S + 10)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
