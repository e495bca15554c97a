"""Finding a pip, and installing locked wheels with it. No package's code runs here: wheels only."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.errors import SandboxError
from peercycle.sandbox.interpreter import SYSTEM, Interpreter

TIMEOUT_S = 1800
_WHEELS = ("--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--quiet")


@dataclass(frozen=True, slots=True)
class Target:
    """Where packages are installed, and for which Python."""

    folder: Path
    python: Interpreter
    foreign: bool
    """The Python is in a container image: pip is told what it is, and does not run it."""

    def options(self, *, installing: bool) -> list[str]:
        """Return pip's options."""
        if not self.foreign:
            return ["--python", str(self.folder / "bin" / "python")]
        python = self.python
        short = f"{python.version[0]}{python.version[1]}"
        told = ["--python-version", ".".join(map(str, python.version)), "--implementation", "cp"]
        told += ["--abi", f"cp{short}", "--abi", "abi3", "--abi", "none"]
        for platform in python.platforms:
            told += ["--platform", platform]
        told += ["--target", str(self.folder / python.site)]
        same = sys.version_info[:2] == python.version[:2] and sys.implementation.name == python.implementation
        # Compiled by another Python, no file would be used.
        return told if same or not installing else [*told, "--no-compile"]


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


def install(pip: list[str], target: Target, lock: Path) -> None:
    """Install a lock into an environment, every file's hash checked. Raises `SandboxError`."""
    options = target.options(installing=True)
    _pip(pip, options, "install", *_WHEELS, "--require-hashes", "--no-deps", "--requirement", str(lock))


def resolve(pip: list[str], target: Target, requirements: Path, constraints: Path, report: Path) -> None:
    """Resolve pinned requirements within constraints, installing nothing. Raises `SandboxError`."""
    _pip(
        pip, target.options(installing=False), "install", *_WHEELS, "--dry-run", "--ignore-installed",
        "--report", str(report), "--requirement", str(requirements), "--constraint", str(constraints),
    )  # fmt: skip


def _pip(pip: list[str], options: list[str], *args: str) -> None:
    # pip's own settings (an index, a proxy, a folder of wheels) come from the environment; Python's do not.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    before, after = ([], options) if "--target" in options else (options, [])
    try:
        done = subprocess.run(
            [*pip, *before, *args, *after],
            stdin=subprocess.DEVNULL, capture_output=True, env=environment, cwd="/", umask=0o022,
            timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"pip did not run to its end: {error}") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if "ERROR" in line]
        raise SandboxError(" ".join(lines)[-500:] or f"pip ended with {done.returncode}")
