"""What this machine has: each finding with the command that mends it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.core.contracts import Sandbox
    from peercycle.core.settings import Settings
    from peercycle.plugins.manager import Plugins

KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "SEMANTIC_SCHOLAR_API_KEY",
    "HF_TOKEN",
    "WANDB_API_KEY",
)
"""Variables that hold secrets; whether one is set is said, never its value."""

TEX = "pdflatex"
ENOUGH_DISK = 1 << 30
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for."""

    what: str
    ok: bool
    detail: str
    fix: str | None = None
    """The command that mends it, where it is not well."""
    needed: bool = False
    """A run cannot start without it."""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "what": self.what,
            "ok": self.ok,
            "needed": self.needed,
            "detail": self.detail,
            "fix": None if self.ok else self.fix,
            **({"facts": dict(self.facts)} if self.facts else {}),
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        mark = "ok     " if self.ok else "BROKEN " if self.needed else "absent "
        lines = [f"{mark}{self.what}: {self.detail}"]
        return [*lines, f"         mend it with: {self.fix}"] if self.fix and not self.ok else lines


async def examine(runs_dir: Path, settings: Settings, *, sandboxes: bool = True) -> list[Finding]:
    """Look at everything; nothing is installed, started for good, or sent anywhere."""
    from peercycle.cli.engines import engines

    plugins, finding = _plugins(settings)
    found = [_python(), _disk(runs_dir), finding]
    found += await _sandboxes(plugins, settings) if sandboxes else []
    found += [_tex(), *engines(settings), await _gpus(), _keys(os.environ)]
    return found


def _python() -> Finding:
    from peercycle import __version__

    detail = (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, peercycle {__version__}"
    )
    fix = "install Python 3.11 or newer, and peercycle into it"
    return Finding("python", sys.version_info[:2] >= OLDEST_PYTHON, detail, fix, needed=True)


def _disk(runs_dir: Path) -> Finding:
    place = runs_dir.absolute()
    while not place.exists():
        place = place.parent
    writable = os.access(place, os.W_OK | os.X_OK) and place.is_dir()
    free = shutil.disk_usage(place).free
    detail = f"{free / 1e9:.1f} GB free for {runs_dir}" + ("" if writable else f", but {place} cannot be written to")
    ok = writable and free >= ENOUGH_DISK
    fix = "free some space" if writable else "choose a folder that you can write to, with --runs-dir"
    return Finding("runs", ok, detail, fix, needed=True, facts={"free_bytes": free, "writable": writable})


def _plugins(settings: Settings) -> tuple[Plugins, Finding]:
    from peercycle.cli.configuring import named_plugins
    from peercycle.core.errors import PluginError
    from peercycle.plugins.manager import KINDS, Plugins

    files, disabled = named_plugins(settings, None, None)
    broken: list[str] = []
    try:
        plugins = Plugins.load(files=files, disabled=disabled)
    except PluginError as error:
        # A file that the settings name; what is installed can be looked at all the same.
        broken.append(str(error))
        plugins = Plugins.load(disabled=disabled)
    for kind in KINDS:
        plugins.names(kind)
    broken += [problem.message for problem in plugins.problems]
    loaded = ", ".join(plugins.versions()) or "none"
    told = "; ".join(broken) or f"loaded: {loaded}"
    return plugins, Finding("plugins", not broken, told, "see `peercycle plugins`")


async def _sandboxes(plugins: Plugins, settings: Settings) -> list[Finding]:
    from contextlib import AsyncExitStack

    from peercycle.cli.configuring import component_tables
    from peercycle.cli.entering import backends, entered
    from peercycle.cli.sandboxes import probe_data

    tables = component_tables(settings, plugins).get("sandboxes", {})
    found: list[Finding] = []
    async with AsyncExitStack() as stack:
        for name in backends(plugins, None):
            sandbox = await entered(stack, plugins, tables, name)
            result = await sandbox.probe()
            failed = [canary for canary in result.canaries if not canary.passed]
            missing = ", ".join(f"{canary.guarantee} fails" for canary in failed)
            holds = f"{result.version}: every guarantee holds"
            detail = holds if result.passed else missing or result.problem or "absent"
            fix = next((canary.fix for canary in failed if canary.fix), None) or result.fix
            found.append(Finding(f"sandbox {name}", result.passed, detail, fix, facts=probe_data(result)))
            if result.passed:
                found.append(await tex_in(name, sandbox))
    if not any(finding.ok for finding in found):
        found.append(Finding("experiments", False, "no sandbox passes, so runs have none", "any fix above"))
    return found


async def tex_in(name: str, sandbox: Sandbox) -> Finding:
    """Say whether papers can be set in a sandbox: an image has its own TeX, or none."""
    from peercycle.core.errors import PeercycleError
    from peercycle.core.sandboxing import EnvironmentSpec
    from peercycle.export.pdf import INSTALL

    what = f"TeX in {name}"
    try:
        await sandbox.prepare(EnvironmentSpec(name="tex"))
    except PeercycleError as error:
        fix = "peercycle sandbox build --with-tex" if "--with-tex" in str(error) else INSTALL
        return Finding(what, False, f"runs in {name} have no PDF: {error}", fix)
    return Finding(what, True, f"runs in {name} set their paper as PDF")


def _tex() -> Finding:
    from peercycle.export.pdf import INSTALL

    path = shutil.which(TEX)
    return Finding("TeX", path is not None, f"{path}" if path else f"no {TEX}: papers come without PDF", INSTALL)


async def _gpus() -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding("GPU", False, "no nvidia-smi: none is needed without a model of your own")
    query = ("--query-gpu=name,memory.total", "--format=csv,noheader")
    process = await asyncio.create_subprocess_exec(
        program, *query, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()
        return Finding("GPU", False, "nvidia-smi does not answer", "nvidia-smi")
    cards = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return Finding(
        "GPU", bool(cards), "; ".join(cards) or "nvidia-smi lists none", "nvidia-smi", facts={"cards": cards}
    )


def _keys(environ: Mapping[str, str]) -> Finding:
    present = [name for name in KEYS if environ.get(name)]
    detail = f"set: {', '.join(present)}" if present else "none is set, and none is needed without a model or service"
    return Finding("keys", True, detail, facts={"set": present})
