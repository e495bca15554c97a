"""The host's TeX, lent to programs read-only."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from peercycle.core.errors import SandboxError

TREES = ("/etc/texmf", "/var/lib/texmf")
"""What a distribution's TeX keeps outside /usr: its settings and its formats."""


def tex_version() -> str:
    """Return what names the installed TeX. Raises `SandboxError` where there is none."""
    program = shutil.which("pdflatex", path="/usr/bin:/bin")
    if program is None:
        raise SandboxError(
            "no TeX for the environment 'tex': install it "
            "(Debian: apt install texlive-latex-base texlive-latex-recommended)"
        )
    asked = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, env={}, cwd="/")
    return asked.stdout.partition("\n")[0]


def tex_binds() -> list[tuple[Path, str]]:
    """Return the folders to mount beside /usr."""
    return [(Path(tree), tree) for tree in TREES if Path(tree).is_dir()]
