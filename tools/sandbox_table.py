"""Prove the rows of the sandboxes' suite again and write their table into docs/sandbox.md.

`.venv/bin/python -P tools/sandbox_table.py` writes the table from the proofs that are kept;
with `--prove`, the red rows are run first (minutes), and what they let through is kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from peercycle.plugins.testing.sandbox_suite import table
from peercycle.sandbox.protections import MEANING

REPOSITORY = Path(__file__).resolve().parent.parent
PROOFS = REPOSITORY / "benchmarks" / "results" / "sandbox_proofs.json"
PAGE = REPOSITORY / "docs" / "sandbox.md"


def main() -> int:
    """Run the red rows where asked, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prove", action="store_true", help="run the red rows first")
    code = 0
    if parser.parse_args().prove:
        pytest = Path(sys.executable).with_name("pytest")
        command = [str(pytest), "-q", "-m", "prove", "-k", "test_red_", "tests/sandbox"]
        code = subprocess.run(
            command, cwd=REPOSITORY, env={**os.environ, "PEERCYCLE_KEEP_PROOFS": str(PROOFS)}, check=False
        ).returncode
    PAGE.write_text(table.put_into(PAGE.read_text(), table.read(PROOFS), MEANING.items()))
    return code


if __name__ == "__main__":
    sys.exit(main())
