"""Settings of the Docker sandbox."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from peercycle.core.base import Word
from peercycle.sandbox.fetching.settings import FetchSettings

NAME = "docker"
"""Under which this backend is registered, and signs environments and results."""
IMAGE = "peercycle-sandbox:latest"


class DockerSettings(Word):
    """Which daemon and image, and what an execution may have of the machine."""

    base_url: str | None = None
    """The daemon's socket, as `unix:///var/run/docker.sock`; none means `DOCKER_HOST`, or else that one."""
    image: str = IMAGE
    """An image with Python 3.11 or newer as `python3`; `peercycle sandbox build` and `import` make one."""
    runtime: str | None = None
    """A container runtime that the daemon knows, as `runsc` (gVisor); none means its default."""
    gpus: int = Field(default=0, ge=0)
    """Most GPUs that one execution may ask for."""
    cpus: float | None = Field(default=None, gt=0)
    """Processors that one execution may use; none means all."""
    user: int = Field(default=65534, ge=1000)
    """User and group id that programs run as; nobody's."""
    slots: int = Field(default=8, ge=1, le=256)
    """Executions at a time in one process."""
    state_dir: Path | None = None
    """Environments, data and inputs of running executions; the daemon must see the same files here. None means
    `/var/lib/peercycle` as root, else the user's data folder."""
    start_s: float = Field(default=60.0, gt=0)
    """How long the daemon may take to start a container before that is an error."""
    silence_s: float = Field(default=60.0, gt=0)
    """How long a program goes on whose driver is not heard any more, because the daemon between them died."""
    fetch: FetchSettings = FetchSettings()
    """What the prepare step may fetch."""
