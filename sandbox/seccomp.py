"""The system call filter: what a program in the sandbox cannot ask of the kernel."""

from __future__ import annotations

import errno
import functools
import platform
import tempfile

from peercycle.core.errors import SandboxUnavailableError

ARCHITECTURES = ("x86_64", "aarch64")

DENIED = (
    # Other processes.
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    # Keys, and the kernel's larger interfaces.
    "keyctl",
    "add_key",
    "request_key",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "fanotify_init",
    "open_by_handle_at",
    "name_to_handle_at",
    "lookup_dcookie",
    # Memory of System V: it is in no process and in no folder, where a look at either would find it.
    "shmget",
    "msgget",
    "semget",
    # Requests to the kernel's own input and output: their number is the whole machine's, and one program could take all.
    "io_setup",
    # Mounts and namespaces.
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "unshare",
    "setns",
    "open_tree",
    "move_mount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "quotactl",
    "quotactl_fd",
    # The machine.
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "syslog",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "vhangup",
    "move_pages",
    "migrate_pages",
    "nfsservctl",
    "uselib",
    "create_module",
    "get_kernel_syms",
    "query_module",
    "vm86",
    "vm86old",
    "modify_ldt",
)

# `memfd_secret`: memory that, once it is no longer mapped, is neither a process's own nor in a file that shows its size.
NEWER = {"mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447, "open_tree_attr": 467}
"""Calls that an older libseccomp cannot name; numbers from 424 on are the same on every architecture."""

NAMESPACE_FLAGS = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""

DENIED_FAMILIES_BELOW_INET6 = (0, 3, 4, 5, 6, 7, 8, 9)
AF_INET6 = 10
TERMINAL_IOCTLS = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX push input into the terminal of whoever started us."""

PER_LINUX32 = 0x08
LOW_WORD = 0xFFFFFFFF
PUNCH_HOLE = 0x02
"""What may be asked of `fallocate`: it gives disk space back. The rest takes any amount at once, between two looks at the
disk, and with FALLOC_FL_KEEP_SIZE past RLIMIT_FSIZE too. The C library and others write instead where it is refused."""
MAP_HUGETLB, MFD_HUGETLB = 0x40000, 0x4
"""Pages that the machine's owner set apart: no memory limit and no look at processes counts them."""
PINNING = ("vmsplice", "splice", "tee", "sendfile")
"""Put pages into a pipe, where they stay when they are unmapped or their file is gone: a byte of one holds two megabytes,
which no look at processes and folders finds. Programs that use these copy instead where they are refused."""
RESERVING_IOCTLS = (0x40305828, 0x4030582A, 0x40305839)
"""FS_IOC_RESVSP, FS_IOC_RESVSP64 and FS_IOC_ZERO_RANGE: the same by another door, on every file system."""


@functools.cache
def filter_program() -> bytes:
    """Return the compiled filter (BPF), as bubblewrap takes it.

    Allowed by default; the list above is answered with EPERM, `clone3` with ENOSYS (its flags lie in memory,
    where no filter can see them; the C library falls back to `clone`), taking disk space without writing with
    EOPNOTSUPP, moving pages through pipes with EINVAL, 32-bit calls with the process's death.
    Raises `SandboxUnavailableError` where libseccomp is missing or the processor is not one that was tried.
    """
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        raise SandboxUnavailableError(f"no system call filter for {machine!r}: use x86_64 or aarch64")
    try:
        import pyseccomp as seccomp
    except (ImportError, RuntimeError, OSError) as error:
        raise SandboxUnavailableError(
            f"the system call filter cannot be built ({error}): install libseccomp (Debian: apt install libseccomp2)"
        ) from error
    built = seccomp.SyscallFilter(seccomp.ALLOW)
    built.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    deny = seccomp.ERRNO(errno.EPERM)
    for number in _numbers(seccomp):
        built.add_rule(deny, number)
    built.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    for flag in NAMESPACE_FLAGS:
        built.add_rule(deny, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    for family in DENIED_FAMILIES_BELOW_INET6:
        built.add_rule(deny, "socket", seccomp.Arg(0, seccomp.EQ, family))
    built.add_rule(deny, "socket", seccomp.Arg(0, seccomp.GT, AF_INET6))
    built.add_rule(deny, "mmap", seccomp.Arg(3, seccomp.MASKED_EQ, MAP_HUGETLB, MAP_HUGETLB))
    built.add_rule(deny, "memfd_create", seccomp.Arg(1, seccomp.MASKED_EQ, MFD_HUGETLB, MFD_HUGETLB))
    for name in PINNING:
        built.add_rule(seccomp.ERRNO(errno.EINVAL), name)
    unsupported = seccomp.ERRNO(errno.EOPNOTSUPP)
    built.add_rule(unsupported, "fallocate", seccomp.Arg(1, seccomp.MASKED_EQ, PUNCH_HOLE, 0))
    for answer, requests in ((deny, TERMINAL_IOCTLS), (unsupported, RESERVING_IOCTLS)):
        for request in requests:
            # The kernel looks at the low word alone, so the filter must too.
            built.add_rule(answer, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, LOW_WORD, request))
    # A program may limit itself. Process 1 of its namespace runs as the same user, and must not be starved by it.
    built.add_rule(deny, "prlimit64", seccomp.Arg(0, seccomp.NE, 0))
    built.add_rule(deny, "personality", seccomp.Arg(0, seccomp.MASKED_EQ, 0xFF, PER_LINUX32))
    with tempfile.TemporaryFile() as out:
        built.export_bpf(out)
        out.seek(0)
        return out.read()


def _numbers(seccomp: object) -> list[int]:
    found = set(NEWER.values())
    for name in DENIED:
        try:
            number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)  # type: ignore[attr-defined]
        except (OSError, ValueError):
            continue
        if number >= 0:
            found.add(number)
    return sorted(found)
