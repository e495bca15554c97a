"""Research that is done, reviewed and revised by machines, and that learns from its own reviews."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.api import aresearch, aresearch_many, build_graph, make_task, read_bibliography, research
    from peercycle.core.errors import PeercycleError
    from peercycle.core.runs import Budget, RunOptions
    from peercycle.graphs.result import RunResult
    from peercycle.plugins.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "PeercycleError",
    "RunOptions",
    "RunResult",
    "__version__",
    "aresearch",
    "aresearch_many",
    "build_graph",
    "hookimpl",
    "make_task",
    "read_bibliography",
    "research",
]

_HOMES = {
    "Budget": "peercycle.core.runs",
    "PeercycleError": "peercycle.core.errors",
    "RunOptions": "peercycle.core.runs",
    "RunResult": "peercycle.graphs.result",
    "hookimpl": "peercycle.plugins.hookspecs",
}


def __getattr__(name: str) -> Any:
    # Everything is imported at first use: pluggy costs 40 ms, LangGraph a second, and `--help` needs neither.
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "peercycle.api")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
