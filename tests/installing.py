"""Wheels built from a copy of a project, installed in a Python of their own, without the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

PYTEST_ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""A project's own tests ask for pytest. What else is installed here would load into it: two and a half seconds' worth."""


def run(*command: str | Path, cwd: Path, timeout_s: float = 100) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PEERCYCLE_")}
    environment |= PYTEST_ALONE
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def built(source: Path, folder: Path) -> Path:
    run(sys.executable, "-P", "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=source)
    (wheel,) = folder.glob("*.whl")
    return wheel


def copied(project: Path, target: Path) -> None:
    """Copy a project without what was made in it."""
    unwanted = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", "runs", "dist")
    shutil.copytree(project, target, symlinks=True, ignore=unwanted)


def install(environment: Path, *wheels: Path) -> Path:
    """Make an environment with these wheels, and return its Python; their dependencies are those of the tests."""
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    # The pip of the tests installs there: one of its own takes longer to unpack than all the rest.
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python, "install", "--quiet")
    run(*pip, "--no-index", "--no-deps", "--no-compile", *wheels, cwd=environment)
    site = next((environment / "lib").glob("python3*/site-packages"))
    # A line in a .pth file adds the folder and not the .pth files in it: the checkout's own stays out.
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return python
