"""The bubblewrap profile: what a program sees of the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peercycle.sandbox.protections import Protection, Weakening

WORK = "/work"
ENVIRONMENT = "/env"
HOME = "/tmp/home"  # noqa: S108  # a path inside the sandbox, on its own tmpfs
MATPLOTLIB = "/tmp/matplotlib"  # noqa: S108
UID = 1000
"""The program's user and group, as it sees them."""
TMP_MB = 256
SHM_MB = 64

ETC = {
    "passwd": f"root:x:0:0:root:/:/usr/sbin/nologin\nsandbox:x:{UID}:{UID}:sandbox:{HOME}:/bin/sh\n",
    "group": f"root:x:0:\nsandbox:x:{UID}:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""The few files below /etc that programs look for, the same on every machine."""

STANDARD_VARIABLES = {
    "PATH": f"{ENVIRONMENT}/bin:/usr/bin:/bin",
    "HOME": HOME,
    "USER": "sandbox",
    "LOGNAME": "sandbox",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TMPDIR": "/tmp",  # noqa: S108
    "SOURCE_DATE_EPOCH": "0",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MPLCONFIGDIR": MATPLOTLIB,
    "MPLBACKEND": "Agg",
    # One thread: sums are then added up in the same order every time, and pools fit the process limit.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    # TeX reads and writes below the working directory only; Debian's default reads anything.
    "openin_any": "p",
    "openout_any": "p",
    "shell_escape": "f",
}


@dataclass(frozen=True, slots=True)
class View:
    """What one execution sees."""

    work: Path
    etc: Path
    inputs: tuple[tuple[Path, str], ...]
    """Read-only below the working directory: where it lies, and its first path component there."""
    binds: tuple[tuple[Path, str], ...]
    """Read-only elsewhere: the environment and what it needs."""
    variables: dict[str, str]
    argv: tuple[str, ...]
    memory_mb: int
    processes: int | None
    """Processes to limit by rlimit, inside; None where a cgroup does it."""


def options(view: View, without: Weakening) -> list[str]:
    """Return bubblewrap's options, which hold the host's paths."""
    return [*_namespaces(without), *_system(view, without), *_folders(view, without), *_process(view)]


def program(view: View) -> list[str]:
    """Return the command to run inside."""
    if view.processes is None:
        return list(view.argv)
    # Inside, because outside the limit counts every process that the user has anywhere.
    return ["/usr/bin/prlimit", f"--nproc={view.processes}:{view.processes}", "--", *view.argv]


_NAMESPACES: Mapping[Protection, tuple[str, ...]] = {
    "user_namespace": ("--unshare-user", "--uid", str(UID), "--gid", str(UID)),
    "ipc_namespace": ("--unshare-ipc",),
    "pid_namespace": ("--unshare-pid",),
    "uts_namespace": ("--unshare-uts", "--hostname", "sandbox"),
    "network_namespace": ("--unshare-net",),
    "capabilities_dropped": ("--cap-drop", "ALL"),
    "own_session": ("--new-session",),
    "die_with_parent": ("--die-with-parent",),
}


def _namespaces(without: Weakening) -> list[str]:
    args = ["--unshare-cgroup-try"]
    for protection, options in _NAMESPACES.items():
        if protection not in without:
            args += options
    if not without & {"user_namespace", "nested_namespaces"}:
        args.append("--disable-userns")
    return args


def _system(view: View, without: Weakening) -> list[str]:
    bind = "--bind" if "read_only_system" in without else "--ro-bind"
    args = [bind, "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        place = Path("/", name)
        if place.is_symlink():
            args += ["--symlink", str(place.readlink()), f"/{name}"]
        elif place.is_dir():
            args += [bind, f"/{name}", f"/{name}"]
    for name in ("ld.so.cache", "alternatives"):
        args += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in sorted(ETC):
        args += ["--ro-bind", str(view.etc / name), f"/etc/{name}"]
    if "mount_namespace" in without:
        for name in ("var", "home", "root", "opt", "srv"):
            args += ["--ro-bind-try", f"/{name}", f"/{name}"]
        # Writable, as far as its owner and mode allow: where the proofs lay what they attack.
        args += ["--bind-try", "/var/tmp", "/var/tmp"]  # noqa: S108
    args += ["--proc", "/proc", "--dev", "/dev"]
    if "sysctl_mount" not in without:
        # Settings of the machine are root's, but since Linux 6.14 pid_max belongs to whoever made the namespace.
        args += ["--ro-bind", "/proc/sys", "/proc/sys"]
    return args


def tmpfs_sizes(memory_mb: int) -> dict[str, int]:
    """Return the folders that lie in memory, and the most bytes each takes."""
    return {"/dev/shm": min(SHM_MB, memory_mb) << 20, "/tmp": min(TMP_MB, memory_mb) << 20}  # noqa: S108


def _folders(view: View, without: Weakening) -> list[str]:
    args = []
    for place, size in tmpfs_sizes(view.memory_mb).items():
        args += [*(() if "tmpfs_limit" in without else ("--size", str(size))), "--tmpfs", place]
    args += ["--dir", HOME, "--dir", MATPLOTLIB, "--bind", str(view.work), WORK]
    writable = "read_only_inputs" in without
    for source, name in view.inputs:
        args += ["--bind" if writable else "--ro-bind", str(source), f"{WORK}/{name}"]
    for source, place in view.binds:
        args += ["--ro-bind", str(source), place]
    if "remount_read_only" not in without:
        # Last, for both are empty and writable file systems without a size until here.
        args += ["--remount-ro", "/dev", "--remount-ro", "/"]
    return args


def _process(view: View) -> list[str]:
    args = ["--clearenv", "--chdir", WORK]
    for name, value in {**STANDARD_VARIABLES, **view.variables, "PWD": WORK}.items():
        args += ["--setenv", name, value]
    return args


def packed(given: list[str]) -> bytes:
    """Return options as `--args` reads them, so that none shows in a process list."""
    return b"".join(os.fsencode(arg) + b"\0" for arg in given)
