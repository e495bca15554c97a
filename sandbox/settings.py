"""Settings of the bubblewrap sandbox."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from peercycle.core.base import Word
from peercycle.core.errors import UsageError
from peercycle.sandbox.fetching.settings import FetchSettings

NAME = "bubblewrap"
"""Under which this backend is registered, and signs environments and results."""
ROOT_STATE = Path("/var/lib/peercycle")


class BubblewrapSettings(Word):
    """Where the sandbox keeps its things and how much it runs at once."""

    state_dir: Path | None = None
    """Environments and running executions; none means `/var/lib/peercycle` as root, else the user's data folder."""
    slots: int = Field(default=16, ge=1, le=1024)
    """Executions at a time, of all processes that share the state directory (as root: of the machine)."""
    uid_base: int | None = Field(default=None, ge=1000)
    """As root, execution slot n runs as uid `uid_base + n`; none means a range that nothing else hands out."""
    cgroups: Literal["auto", "off"] = "auto"
    """`off` limits memory by watching it and processes by rlimit, as where no cgroup can be made."""
    interpreter: Path | None = None
    """The Python that environments are made of; none means `/usr/bin/python3`, or else the running one."""
    fetch: FetchSettings = FetchSettings()
    """What the prepare step may fetch."""
    bwrap: str = "bwrap"
    """The bubblewrap program: a name to find on PATH, or a path."""


def state_directory(settings: BubblewrapSettings) -> Path:
    """Return where the sandbox keeps its things. It need not exist."""
    return state_at(settings.state_dir)


def state_at(configured: Path | None) -> Path:
    """Return the configured folder, or else the one that all sandboxes of this user share."""
    if configured is not None:
        return configured.absolute()
    if os.geteuid() == 0:
        return ROOT_STATE
    import platformdirs

    try:
        return Path(platformdirs.user_data_dir("peercycle", appauthor=False))
    except RuntimeError as error:
        raise UsageError(
            "this user has no home directory, where sandboxes keep what they build: set HOME, or name a folder with "
            "--set sandboxes.bubblewrap.state_dir=DIR (docker has one, too)"
        ) from error
