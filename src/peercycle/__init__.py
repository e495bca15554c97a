"""Research that is done, reviewed and revised by machines, and that learns from its own reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.plugins.hookspecs import hookimpl

__version__ = "0.1.0"

__all__ = ["__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    # Loading pluggy costs 40 ms, which only plugins need to pay.
    if name == "hookimpl":
        from peercycle.plugins.hookspecs import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
