"""The suite that every sandbox is held to: attacks and behaviours, one function each."""

from __future__ import annotations

from peercycle.plugins.testing.sandbox_suite import (
    behaviours,
    behaviours_of_arguments,
    behaviours_of_files,
    behaviours_of_overwriting,
    behaviours_of_permission,
    endings,
    files,
    hiding,
    kernel,
    network,
    outputs,
    resources,
    soak,
    table,
)
from peercycle.plugins.testing.sandbox_suite.rows import ROWS, Nothing, Row

__all__ = [
    "ROWS", "Nothing", "Row", "behaviours", "behaviours_of_arguments", "behaviours_of_files",
    "behaviours_of_overwriting", "behaviours_of_permission",
    "endings", "files", "hiding", "kernel", "network", "outputs", "resources", "soak", "table",
]  # fmt: skip
