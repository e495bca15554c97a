"""Set `paper.tex` as `paper.pdf`: run inside the sandbox, as a program of its own, with the standard library only.

Ends with 0 and `paper.pdf`; with 1 where TeX found an error, which `paper.log` tells; with 127 where TeX is missing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

LATEX = ("pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", "paper")
BIBTEX = ("bibtex", "-terse", "paper")
MOST_PASSES = 5


def run(argv: tuple[str, ...]) -> int:
    """Run one program without a shell, its output thrown away: what it says is in its log."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False).returncode


def unsettled() -> bool:
    """Say whether the last pass asks for another one."""
    log = Path("paper.log").read_text("utf-8", "replace")
    return "Rerun to get" in log or "Rerun LaTeX" in log


def main() -> int:
    """Run TeX, BibTeX and TeX again until its references stand still."""
    if shutil.which(LATEX[0]) is None or shutil.which(BIBTEX[0]) is None:
        return 127
    if run(LATEX):
        return 1
    if "\\bibdata" in Path("paper.aux").read_text("utf-8", "replace"):
        run(BIBTEX)  # its complaints reach the log as undefined citations
    for count in range(2, MOST_PASSES + 1):
        if run(LATEX):
            return 1
        if count > 2 and not unsettled():
            break
    return 0


if __name__ == "__main__":
    sys.exit(main())
