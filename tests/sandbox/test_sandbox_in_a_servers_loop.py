"""A sandbox in a loop that is a server's: nothing of it waits for the disk there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from peercycle.sandbox import cgroups
from peercycle.sandbox.probe import probe

if TYPE_CHECKING:
    from tests.sandbox.conftest import Harness


def test_neither_a_probe_nor_a_program_blocks_the_loop(harness: Harness, servers_loop: None) -> None:
    cgroups.find.cache_clear()
    assert asyncio.run(probe(harness.settings, frozenset())).available
    assert harness.said("print(1)") == "1"
