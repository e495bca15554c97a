"""Taking protections of a container away, one by one, to prove that a test of them can fail. Never in a real run."""

from __future__ import annotations

import os
import re
from typing import Any, get_args

from peercycle.sandbox.profile import WORK
from peercycle.sandbox.protections import SharedProtection

Protection = SharedProtection
"""One protection of a container. `pid_namespace` is none of these: process 1 ends by killing all that it can see."""

Weakening = frozenset[Protection]
ALL: Weakening = frozenset(get_args(Protection))
ENDLESS = 1 << 50
CAPABILITIES = ["SYS_ADMIN", "SYS_CHROOT", "SETUID", "SETGID", "MKNOD", "KILL"]
"""What an attack would use; not all, for a machine may not have them all to give."""
BAIT = "/var/tmp"  # noqa: S108
"""Where the proofs lay what they attack."""


def weaken_options(options: dict[str, Any], without: Weakening) -> None:
    """Change what a container is created with."""
    from docker.types import Mount

    open_by: dict[str, dict[str, Any]] = {
        "network_namespace": {"network_mode": "host"},
        "capabilities_dropped": {"cap_drop": [], "cap_add": CAPABILITIES},
        "remount_read_only": {"read_only": False},
        "memory_limit": {"mem_limit": None, "memswap_limit": None},
        "process_limit": {"pids_limit": -1},
        "ipc_namespace": {"ipc_mode": "host"},
        "uts_namespace": {"uts_mode": "host"},
    }
    for protection, changes in open_by.items():
        if protection in without:
            options.update(changes)
    if "ipc_namespace" in without:
        options["shm_size"] = None
    if "seccomp" in without:
        options["security_opt"] = [*options["security_opt"], "seccomp=unconfined"]
    if "mount_namespace" in without:
        options["mounts"] = [*options["mounts"], Mount(target=BAIT, source=BAIT, type="bind")]
    if "read_only_inputs" in without:
        for mount in options["mounts"]:
            mount["ReadOnly"] = mount["ReadOnly"] and not mount["Target"].startswith(f"{WORK}/")
    if "tmpfs_limit" in without:
        options["tmpfs"] = {place: _without_size(said) for place, said in options["tmpfs"].items()}
        options["shm_size"] = 512 << 20
    if "unprivileged_uid" in without:
        own = re.compile(r"\b([ug]id)=\d+")
        options["tmpfs"] = {place: own.sub(r"\1=0", said) for place, said in options["tmpfs"].items()}
    _weaken_ulimits(options, without)


def _without_size(said: str) -> str:
    return ",".join(part for part in said.split(",") if not part.startswith(("size=", "nr_inodes=")))


_ULIMITS = {"core": "core_limit", "nofile": "open_files_limit", "fsize": "file_size_limit"}
_RLIMITS = {
    "RLIMIT_CORE": "core_limit",
    "RLIMIT_NOFILE": "open_files_limit",
    "RLIMIT_FSIZE": "file_size_limit",
    "RLIMIT_CPU": "cpu_limit",
}


def _weaken_ulimits(options: dict[str, Any], without: Weakening) -> None:
    from docker.types import Ulimit

    for at, limit in enumerate(options["ulimits"]):
        if _ULIMITS.get(limit["Name"]) in without:
            most = 4096 if limit["Name"] == "nofile" else -1
            options["ulimits"][at] = Ulimit(name=limit["Name"], soft=most, hard=most)


def weaken_host(host: dict[str, Any], without: Weakening) -> None:
    """Change what the SDK has no option for."""
    if "sysctl_mount" in without:
        host["ReadonlyPaths"] = []
        host["MaskedPaths"] = []


def weaken_plan(plan: dict[str, Any], without: Weakening) -> None:
    """Change what process 1 is told."""
    open_by: dict[str, dict[str, Any]] = {
        "memory_limit": {"memory_bytes": ENDLESS},
        "disk_watch": {"disk_bytes": ENDLESS, "files": ENDLESS},
        "output_limit": {"output_bytes": ENDLESS},
        "wall_clock": {"wall_s": 3600.0},
        "seccomp": {"filter": ""},
        "clean_environment": {"variables": {**os.environ, **plan["variables"]}},
        "empty_stdin": {"stdin": "/dev/ptmx"},
        "die_with_parent": {"outlives": True},
    }
    for protection, changes in open_by.items():
        if protection in without:
            plan.update(changes)
    plan["rlimits"] = {name: value for name, value in plan["rlimits"].items() if _RLIMITS.get(name) not in without}
