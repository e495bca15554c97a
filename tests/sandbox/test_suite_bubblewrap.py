"""The suite of attacks and behaviours on bubblewrap: as root, as an ordinary user, and without cgroups."""

from __future__ import annotations

import contextlib
import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.contracts import Sandbox
from peercycle.plugins.testing import SandboxContract
from peercycle.plugins.testing.attacks import AttackContract
from peercycle.plugins.testing.sandbox_suite.ground import alive
from peercycle.sandbox import cgroups
from peercycle.sandbox.bubblewrap import BubblewrapSandbox, BubblewrapSettings

ROOT = os.geteuid() == 0


class OnBubblewrap(AttackContract):
    """What both have in common."""

    def settings(self) -> BubblewrapSettings:
        return BubblewrapSettings(state_dir=self.state)

    def sandbox(self) -> Sandbox:
        return BubblewrapSandbox(self.settings())

    def weakened(self, without: frozenset[str]) -> Sandbox:
        return BubblewrapSandbox.weakened(self.settings(), without)  # type: ignore[arg-type]

    def facts(self) -> dict[str, Any]:
        assert self.state is not None
        return {"holder": _bwraps, "kill_holder": _kill, "remains": partial(_remains, self.state)}


def _remains(state: Path) -> list[str]:
    found = [str(entry) for entry in (state / "executions").iterdir()]
    hierarchy = cgroups.find()
    for parent in set() if hierarchy is None else {hierarchy.memory, hierarchy.pids}:
        found += [str(group) for group in parent.glob(f"{cgroups.PREFIX}{os.getpid()}-*")]
    return found


def _bwraps(mark: str) -> list[int]:
    found = []
    for pid in alive(mark):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() == "bwrap\n":
                found.append(pid)
    return found


def _kill(found: list[int]) -> None:
    os.kill(min(found), signal.SIGKILL)


class TestBubblewrapAsRoot(OnBubblewrap, SandboxContract):
    """Each program has a user id of its own, and a cgroup."""

    kind = "bubblewrap as root"

    @pytest.fixture(autouse=True)
    def _as_root(self) -> None:
        if not ROOT:
            pytest.skip("needs root: this run is an ordinary user's")


class TestBubblewrapAsAUser(OnBubblewrap):
    """An ordinary user, without cgroups: memory is watched, processes are limited one by one."""

    kind = "bubblewrap as a user"
    user = 65534 if ROOT else None

    def settings(self) -> BubblewrapSettings:
        return BubblewrapSettings(state_dir=self.state, cgroups="off")
