"""The sandboxes that come with peercycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peercycle import hookimpl

if TYPE_CHECKING:
    from peercycle.core.contracts import Register, Sandbox
    from peercycle.sandbox.containers.settings import DockerSettings
    from peercycle.sandbox.settings import BubblewrapSettings


@hookimpl
def register_sandboxes(register: Register[Sandbox]) -> None:
    """Offer `bubblewrap`, Linux namespaces without a daemon, and `docker`, one container per execution."""
    from peercycle.sandbox.containers.settings import DockerSettings
    from peercycle.sandbox.settings import BubblewrapSettings

    register("bubblewrap", _bubblewrap, BubblewrapSettings)
    register("docker", _docker, DockerSettings)


def _bubblewrap(settings: BubblewrapSettings) -> Sandbox:
    from peercycle.sandbox.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox(settings)


def _docker(settings: DockerSettings) -> Sandbox:
    from peercycle.sandbox.containers.backend import DockerSandbox

    return DockerSandbox(settings)
