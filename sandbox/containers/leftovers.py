"""Making sure that a container is gone, and finding those that dead drivers left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from peercycle.sandbox.containers import owner
from peercycle.sandbox.containers.engine import CONFLICT, GONE, engine, refusals, status_of
from peercycle.sandbox.containers.settings import DockerSettings

if TYPE_CHECKING:
    from docker.api import APIClient

GONE_S = 20.0


def remove(client: APIClient, container: str) -> None:
    """Kill and remove a container, and return when it is gone. Raises `SandboxError` where it stays."""
    from docker.errors import APIError, NotFound

    end, pause = time.monotonic() + GONE_S, 0.005
    with refusals(f"remove the container {container[:12]}"):
        while True:
            try:
                client.remove_container(container, force=True, v=True)
            except NotFound:
                return
            except APIError as error:
                # It is being removed already, by itself.
                if status_of(error) not in (CONFLICT, GONE) or time.monotonic() > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 0.2)


def killed_for_memory(client: APIClient, container: str, since: float) -> bool:
    """Whether the daemon has seen the kernel kill in this container for want of memory."""
    with refusals("tell what became of a container"):
        seen = client.events(
            since=int(since), until=int(time.time()) + 1, filters={"container": [container]}, decode=True
        )
        return any(event.get("Action", event.get("status")) == "oom" for event in seen)


def reap(settings: DockerSettings, of: str = "") -> tuple[str, ...]:
    """Remove the containers of dead drivers, and say which. One whose driver lives is left alone.

    `of` names one driver: how the names of its executions begin.
    """
    removed = []
    with engine(settings) as client:
        with refusals("list its containers"):
            found: list[dict[str, Any]] = client.containers(all=True, filters={"label": [owner.EXECUTION]})
        for container in found:
            marks = container.get("Labels") or {}
            if marks[owner.EXECUTION].startswith(of) and owner.is_dead(marks):
                remove(client, container["Id"])
                removed.append(f"removed container {container['Id'][:12]} of {marks[owner.EXECUTION]}")
    return tuple(removed)
