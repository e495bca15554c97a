"""One server of children for each test process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.graphs.crash.matrix import Crashes, start_server

MEMORY = Path("/dev/shm")
"""A kill takes nothing back from a file system in memory either, and its syncs cost nothing."""


@pytest.fixture(scope="session")
def crashes() -> Iterator[Crashes]:
    """Children to start, kill and resume."""
    room = Path(tempfile.mkdtemp(prefix="crashes-", dir=MEMORY if MEMORY.is_dir() else None))
    started = start_server(room)
    yield started
    started.server.communicate(timeout=100)
    shutil.rmtree(room)


@pytest.fixture
def sandboxed(crashes: Crashes) -> Crashes:
    """The same, where experiments can really run."""
    if crashes.sandbox_problem is not None:
        pytest.skip(f"needs a sandbox that passes its probe: {crashes.sandbox_problem}; see `peercycle doctor`")
    return crashes
