"""Finding a pip, and installing locked wheels with it. No package's code runs here: wheels only."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from peercycle.core.errors import SandboxError
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.fetching.wheels import WheelStore, size_of
from peercycle.sandbox.interpreter import SYSTEM, Interpreter

TIMEOUT_S = 1800
LOOK_S = 3.0
"""How often it is looked how much pip has written: an environment has thousands of files."""
UNPACKED = 4
"""How many times `fetch.max_mb` the files of an environment may hold: a wheel of a megabyte can unpack to a thousand."""
_WHEELS = ("--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet")


@dataclass(frozen=True, slots=True)
class Target:
    """Where packages are installed, and for which Python."""

    folder: Path
    python: Interpreter
    foreign: bool
    """The Python is in a container image: pip is told what it is, and does not run it."""

    @property
    def about(self) -> list[str]:
        """Return pip's options that say which Python it is."""
        if not self.foreign:
            return ["--python", str(self.folder / "bin" / "python")]
        python = self.python
        told = ["--python-version", ".".join(map(str, python.version)), "--implementation", "cp"]
        for abi in (f"cp{python.version[0]}{python.version[1]}", "abi3", "none"):
            told += ["--abi", abi]
        for platform in python.platforms:
            told += ["--platform", platform]
        return told

    @property
    def place(self) -> list[str]:
        """Return pip's options that say where to install."""
        if not self.foreign:
            return []
        same = sys.version_info[:2] == self.python.version[:2]
        # Compiled by another Python, no file would be used.
        return ["--target", str(self.folder / self.python.site), *([] if same else ["--no-compile"])]


@dataclass(frozen=True, slots=True)
class WriteLimit:
    """How much a pip may write, and where it puts what it needs on its way."""

    scratch: Path
    watched: Path
    most: int
    """Bytes below `watched`."""
    did: str = "downloaded"
    """What it was at, as an error says it."""


class PipRefusedError(SandboxError):
    """pip ran to its end and did not do what it was asked: for one, because it found no wheel."""


def find_pip() -> list[str]:
    """Return the command of a pip that can install into another Python: ours, a bundled one, or the system's.

    Raises `SandboxError` where there is none.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    bundled = importlib.util.find_spec("ensurepip")
    if bundled is not None and bundled.origin is not None:
        for wheel in sorted(Path(bundled.origin).parent.glob("_bundled/pip-*.whl")):
            return [sys.executable, str(wheel / "pip")]
    if SYSTEM.exists():
        asked = subprocess.run([str(SYSTEM), "-I", "-c", "import pip"], capture_output=True, check=False)
        if asked.returncode == 0:
            return [str(SYSTEM), "-m", "pip"]
    raise SandboxError(
        "no pip to build environments with: install it (python -m ensurepip, or apt install python3-pip)"
    )


def install(pip: list[str], target: Target, lock: str, store: WheelStore, fetch: FetchSettings) -> None:
    """Install a lock into an environment, every file's hash checked, from the wheels that are kept.

    Those that are missing are downloaded first. Raises `SandboxError`.
    """
    if not _installed(pip, target, lock, store, fetch):
        if fetch.offline:
            raise SandboxError("its wheels are not here, and this machine is set to be offline")
        _download(pip, target, lock, store, fetch)
        _install(pip, target, lock, store, fetch)


def _installed(pip: list[str], target: Target, lock: str, store: WheelStore, fetch: FetchSettings) -> bool:
    """Install from what is kept; False where that is not all."""
    if not store.of(lock):
        return False
    try:
        _install(pip, target, lock, store, fetch)
    except PipRefusedError:
        return False
    return True


def _install(pip: list[str], target: Target, lock: str, store: WheelStore, fetch: FetchSettings) -> None:
    links = [option for place in store.of(lock) for option in ("--find-links", str(place))]
    # In the environment's own folder: what is unpacked on the way to its place counts too.
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=target.folder) as scratch:
        listed = Path(scratch, "lock.txt")
        listed.write_text(lock)
        told = (*_WHEELS, "--require-hashes", "--no-deps", "--no-index", *links, *target.place)
        limit = WriteLimit(Path(scratch), target.folder, UNPACKED * fetch.max_mb << 20, "unpacked")
        _pip(pip, target, "install", *told, "--requirement", str(listed), limit=limit)


def _download(pip: list[str], target: Target, lock: str, store: WheelStore, fetch: FetchSettings) -> None:
    with tempfile.TemporaryDirectory(prefix="peercycle-wheels-", dir=_made(store.folder)) as scratch:
        listed, into = Path(scratch, "lock.txt"), Path(scratch, "wheels")
        listed.write_text(lock)
        into.mkdir()
        told = (*_WHEELS, "--require-hashes", "--no-deps", "--dest", str(into), "--requirement", str(listed))
        _pip(pip, target, "download", *told, limit=WriteLimit(Path(scratch), Path(scratch), 2 * fetch.max_mb << 20))
        store.take(into, fetch.max_mb << 20)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def resolve(
    pip: list[str], target: Target, requirements: Path, constraints: Path, report: Path, fetch: FetchSettings
) -> None:
    """Resolve pinned requirements within constraints, installing nothing. Raises `SandboxError`.

    For want of better pip may download a wheel to read what it needs: it does so beside the report.
    """
    _pip(
        pip, target, "install", *_WHEELS, "--dry-run", "--ignore-installed", *target.place,
        "--report", str(report), "--requirement", str(requirements), "--constraint", str(constraints),
        limit=WriteLimit(report.parent, report.parent, 2 * fetch.max_mb << 20),
    )  # fmt: skip


def _pip(pip: list[str], target: Target, command: str, *args: str, limit: WriteLimit) -> None:
    # pip's own settings (an index, a proxy, a folder of wheels) come from the environment; Python's do not.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["TMPDIR"] = str(limit.scratch)
    before, after = ([], target.about) if target.foreign else (target.about, [])
    try:
        with subprocess.Popen(
            [*pip, *before, command, *after, *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, cwd="/",
            umask=0o022,
        ) as process:  # fmt: skip
            said = _awaited(process, limit)
    except OSError as error:
        raise SandboxError(f"pip did not run to its end: {error}") from error
    if process.returncode != 0:
        lines = [line for line in said.decode("utf-8", "replace").splitlines() if "ERROR" in line]
        text = " ".join(line.partition("ERROR: ")[2] or line for line in lines)
        # Names of versions without number stand in between: what was asked stands first, what came of it last.
        short = text if len(text) <= 500 else f"{text[:200]} … {text[-300:]}"
        raise PipRefusedError(short or f"pip ended with {process.returncode}")


def _awaited(process: subprocess.Popen[bytes], limit: WriteLimit) -> bytes:
    """Wait for pip, and stop it where it takes too long or writes too much. Return what it complained of."""
    end, said = time.monotonic() + TIMEOUT_S, None
    while said is None:
        try:
            said = process.communicate(timeout=LOOK_S)[1]
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                _stop(process, f"took longer than {TIMEOUT_S} s")
        if size_of(limit.watched) > limit.most:
            _stop(process, f"{limit.did} more than `fetch.max_mb` allows")
    return said


def _stop(process: subprocess.Popen[bytes], what: str) -> NoReturn:
    process.kill()
    process.communicate()
    raise SandboxError(f"pip {what}") from None
