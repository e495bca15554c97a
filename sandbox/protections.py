"""What stands between a program and the machine, by name, so that a proof can take one away."""

from __future__ import annotations

from typing import Literal

Protection = Literal[
    "clean_environment",
    "die_with_parent",
    "disk_watch",
    "memory_limit",
    "mount_namespace",
    "network_namespace",
    "process_limit",
    "read_only_inputs",
    "remount_read_only",
    "safe_collector",
    "seccomp",
    "unprivileged_uid",
]
"""One protection of the bubblewrap profile.

Nothing but a proof removes one, and no setting can: see `BubblewrapSandbox.weakened`.
"""

Weakening = frozenset[Protection]
"""Protections left out; empty in every real run."""
