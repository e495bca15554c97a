"""Attacks that hide what they take: memory and disk space where a look at processes and names does not find it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peercycle.plugins.testing.sandbox_suite.ground import PRELUDE, Ground, Skip, changed, unless
from peercycle.plugins.testing.sandbox_suite.rows import Nothing, attack

MEGABYTES_71 = "over = 71\npart = b'x' * (1 << 20)\n"
TOOK = "\ntime.sleep(6)\nprint('took it', flush=True)\n"


async def _memory(ground: Ground, program: str, what: str) -> list[str]:
    result = await ground.run(PRELUDE + MEGABYTES_71 + program + TOOK, limits=changed(memory_mb=64, disk_mb=128))
    took = result.status == "ok" and "took it" in result.stdout.text
    return unless(not took, f"71 MB of 64 {what}")


@attack(None, "memory_limit")
async def memory_in_a_file_of_no_folder_counts(ground: Ground) -> list[str]:
    """`memfd_create`, written and not mapped: no process's own memory, and in no folder."""
    return await _memory(
        ground, "made = os.memfd_create('x')\nfor _ in range(over): os.write(made, part)", "in a memory file"
    )


@attack(None, "memory_limit")
async def memory_of_a_process_that_shuts_itself_off_counts(ground: Ground) -> list[str]:
    """A process that may not be dumped may not be looked into either, unless one is its namespace's owner."""
    program = "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\nheld = [bytearray(b'x') * (1 << 20) for _ in range(over)]"
    return await _memory(ground, program, "in a process that is shut")


@attack(None, "memory_limit")
async def memory_shared_between_processes_counts(ground: Ground) -> list[str]:
    """An anonymous shared mapping, touched by a child that ends."""
    program = (
        "import mmap\nheld = mmap.mmap(-1, over << 20)\n"
        "if os.fork() == 0:\n    for n in range(over): held[n << 20:(n + 1) << 20] = part\n    os._exit(0)\nos.wait()"
    )
    return await _memory(ground, program, "in a shared mapping")


@attack(None, "memory_limit", "seccomp", user=("seccomp",))
async def memory_of_system_v_counts_or_is_refused(ground: Ground) -> list[str]:
    """A segment that is filled and let go of stays, and is nobody's mapping."""
    program = """
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
for _ in range(over):
    segment = libc.shmget(0, 1 << 20, 0o1600)
    if segment < 0:
        sys.exit("refused")
    at = libc.shmat(segment, None, 0)
    ctypes.memset(at, 120, 1 << 20)
    libc.shmdt(ctypes.c_void_p(at))
"""
    return await _memory(ground, program, "in segments of System V")


PIPES = """
huge, libc = 2 << 20, ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
ends = []
for n in range(over // 2 + 1):
    if n % 16 == 0:
        ends.append(os.pipe())
    mapped = libc.mmap(None, ctypes.c_size_t(2 * huge), 3, 0x22, -1, ctypes.c_long(0))
    page = -(-mapped // huge) * huge
    libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(huge), 14)
    ctypes.memset(page, 120, huge)
    byte = (ctypes.c_ulong * 2)(page, 1)
    if libc.vmsplice(ends[-1][1], byte, ctypes.c_ulong(1), 2) != 1:
        sys.exit("refused")
    libc.munmap(ctypes.c_void_p(mapped), ctypes.c_size_t(2 * huge))
"""


def _has_huge_pages() -> bool:
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return setting.is_file() and "[never]" not in setting.read_text()


@attack(None, "memory_limit", "seccomp", user=("seccomp",), docker=("seccomp",))
async def memory_that_a_pipe_keeps_counts_or_is_refused(ground: Ground) -> list[str]:
    """A byte of each huge page is put into a pipe, and the page is unmapped: it stays, two megabytes, and is nobody's."""
    if not _has_huge_pages():
        raise Skip("needs transparent huge pages, of which this machine has none")
    return await _memory(ground, PIPES, "in pages that only pipes hold")


async def _disk(ground: Ground, program: str, what: str, **request: Any) -> list[str]:
    result = await ground.run(PRELUDE + "part = b'x' * (1 << 20)\nheld = []\n" + program + TOOK, **request)
    took = result.status == "ok" and "took it" in result.stdout.text
    return unless(not took, f"18 MB of 16 {what}")


@attack(None, "disk_watch", docker=("disk_watch", "tmpfs_limit"))
async def disk_space_that_is_only_mapped_counts(ground: Ground) -> list[str]:
    """Files without a name and without a descriptor, held by a mapping."""
    program = """
libc = ctypes.CDLL(None)
# Whoever looks is not to take a part of a name for the end of a line, or for a line.
names = ("x", "x\\x0cy", "x\\u2028y", "x\\x0cA-B C D zz:yy 1 q")
for n in range(18):
    with open(names[n % 4], "w+b", buffering=0) as f:
        f.write(part)
        libc.mmap(None, ctypes.c_size_t(1 << 20), 1, 1, f.fileno(), ctypes.c_long(0))
    os.unlink(names[n % 4])
"""
    return await _disk(ground, program, "in files that are only mapped")


@attack(None, "disk_watch", docker=("disk_watch", "tmpfs_limit"))
async def disk_space_on_its_way_counts(ground: Ground) -> list[str]:
    """Descriptors of files without a name, sent and not received: for the time being no process has them."""
    program = """
import socket
near, far = socket.socketpair()
for n in range(18):
    with open("x", "w+b", buffering=0) as f:
        f.write(part)
        socket.send_fds(near, [b"x"], [f.fileno()])
    os.unlink("x")
"""
    return await _disk(ground, program, "in files on their way")


@attack(None, "seccomp")
async def the_first_process_can_do_no_more_than_the_program(ground: Ground) -> list[str]:
    """Whoever may write into its memory is it: so it is filtered as well, and holds no capability."""
    return await ground.got("""
fields = dict(line.split(":\\t") for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
got.extend(name for name, wanted in (("CapEff", "0" * 16), ("NoNewPrivs", "1"), ("Seccomp", "2")) if fields[name] != wanted)
end()
""")


@attack(None, "disk_watch", docker=("disk_watch", "tmpfs_limit"))
async def disk_space_in_a_folder_that_is_shut_counts(ground: Ground) -> list[str]:
    """A folder that its owner may write and not read: an ordinary user's look at it is refused."""
    program = """
os.mkdir("shut")
for n in range(18):
    open(f"shut/{n}", "wb").write(part)
os.chmod("shut", 0o300)
"""
    return await _disk(ground, program, "in a folder that is shut")


@attack(
    None,
    "disk_watch",
    "unprivileged_uid",
    user=("disk_watch",),
    docker=Nothing("what it is given is mounted read-only, and is another user's"),
)
async def disk_space_in_its_standard_input_counts(ground: Ground) -> list[str]:
    """Half of 18 MB is written into the file that it is given, which an ordinary user's program owns and has open."""
    program = """
given = os.open("/proc/self/fd/0", os.O_RDWR)
for n in range(9):
    os.pwrite(given, part, n << 20)
    open(f"{n}", "wb").write(part)
"""
    typed = await ground.artifacts.put(b"typed")
    return await _disk(ground, program, "half of them in the standard input", stdin=typed)
