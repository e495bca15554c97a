"""Wheels built from a copy of a project, installed in a Python of their own, without the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest


def run(*command: str | Path, cwd: Path, timeout_s: float = 100) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PEERCYCLE_")}
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
    pytest.importorskip("ensurepip", reason="needs ensurepip: apt install python3-venv")
    venv.create(environment, with_pip=True, symlinks=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *wheels, cwd=environment)
    site = next((environment / "lib").glob("python3*/site-packages"))
    # A line in a .pth file adds the folder and not the .pth files in it: the checkout's own stays out.
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return python
