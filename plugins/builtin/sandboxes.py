"""The sandboxes that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.core.contracts import Register, Sandbox
    from peercycle.sandbox.bubblewrap import BubblewrapSettings


@hookimpl
def register_sandboxes(register: Register[Sandbox]) -> None:
    """Offer `bubblewrap`: Linux namespaces, control groups and a system-call filter, without a daemon."""
    from peercycle.sandbox.bubblewrap import BubblewrapSettings

    register("bubblewrap", _bubblewrap, BubblewrapSettings)


def _bubblewrap(settings: BubblewrapSettings) -> Sandbox:
    from peercycle.sandbox.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox(settings)
