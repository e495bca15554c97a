"""What stands between a program and the machine, by name, so that a proof can take one away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

SharedProtection = Literal[
    "arguments_hidden",
    "capabilities_dropped",
    "clean_environment",
    "collector_caps",
    "collector_names",
    "collector_regular",
    "core_limit",
    "cpu_limit",
    "die_with_parent",
    "disk_watch",
    "empty_stdin",
    "file_size_limit",
    "ipc_namespace",
    "memory_limit",
    "mount_namespace",
    "network_namespace",
    "open_files_limit",
    "output_limit",
    "process_limit",
    "read_only_inputs",
    "remount_read_only",
    "seccomp",
    "sysctl_mount",
    "tmpfs_limit",
    "unprivileged_uid",
    "uts_namespace",
    "wall_clock",
]
"""One protection that a container of Docker has, too."""

Protection = Literal[
    SharedProtection,
    "closed_descriptors",
    "collector_beneath",
    "exit_report",
    "group_kill",
    "nested_namespaces",
    "own_session",
    "pid_namespace",
    "read_only_system",
    "user_namespace",
]
"""One protection of the bubblewrap profile.

Nothing but a proof removes one, and no setting can: see `BubblewrapSandbox.weakened`.
"""

Weakening = frozenset[Protection]
"""Protections left out; empty in every real run."""

MEANING: Mapping[Protection, str] = {
    "arguments_hidden": "bubblewrap reads its options from a descriptor, not from its command line",
    "capabilities_dropped": "`--cap-drop ALL`",
    "clean_environment": "bubblewrap itself is started with an environment of three variables",
    "closed_descriptors": "no descriptor of ours is inherited",
    "collector_beneath": "outputs are opened by `openat2`: beneath, no links, no other device",
    "collector_caps": "outputs are limited in number, bytes and entries looked at",
    "collector_names": "an output's name must be printable text",
    "collector_regular": "an output is a regular file with one name",
    "core_limit": "`RLIMIT_CORE` is 0",
    "cpu_limit": "`RLIMIT_CPU`, for each process",
    "die_with_parent": "a guard process, `--die-with-parent` and the parent-death signal, and a reaper that removes what is left",
    "disk_watch": "bytes and entries below the working directory are looked at",
    "empty_stdin": "standard input is `/dev/null`, or the file that was given",
    "exit_report": "how the program ended is read from bubblewrap's report, not from its exit code",
    "file_size_limit": "`RLIMIT_FSIZE`",
    "group_kill": "at the end every member of the cgroup is killed",
    "ipc_namespace": "`--unshare-ipc`",
    "memory_limit": "the memory cgroup, or the watch over proportional memory",
    "mount_namespace": "of the host's folders only `/usr` and what it needs are mounted",
    "nested_namespaces": "`--disable-userns`",
    "network_namespace": "`--unshare-net`",
    "open_files_limit": "`RLIMIT_NOFILE`",
    "output_limit": "a program that writes too much to a stream is killed",
    "own_session": "a session of its own, without a terminal",
    "pid_namespace": "`--unshare-pid`",
    "process_limit": "the pids cgroup, or `RLIMIT_NPROC` inside the user namespace",
    "read_only_inputs": "what the program was given is mounted read-only",
    "read_only_system": "`/usr` is mounted read-only",
    "remount_read_only": "`/` and `/dev` are read-only after the set-up",
    "seccomp": "the system call filter",
    "sysctl_mount": "`/proc/sys` is mounted read-only",
    "tmpfs_limit": "`/tmp` and `/dev/shm` have a size",
    "unprivileged_uid": "as root: a user id of its own per slot, taken before bubblewrap starts",
    "user_namespace": "`--unshare-user`",
    "uts_namespace": "`--unshare-uts`",
    "wall_clock": "the host's clock, and SIGKILL",
}

ALL: Weakening = frozenset(get_args(Protection))
