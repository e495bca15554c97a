"""Attacks on the kernel's interfaces: signals, namespaces, system calls, devices, terminals."""

from __future__ import annotations

import asyncio
import ctypes
import os
import secrets
import socket
import subprocess
import sys

from peercycle.plugins.testing.sandbox_suite.ground import Ground, alive, unless, until
from peercycle.plugins.testing.sandbox_suite.rows import ENGINE, KERNEL, PIDS, attack


@attack(23, "pid_namespace", "unprivileged_uid", user=("pid_namespace",), docker=PIDS)
async def signals_reach_nobody_outside(ground: Ground) -> list[str]:
    """A process of the driver's own user is killed by its id; the first process, and all of them, by theirs."""
    victim = await asyncio.to_thread(
        subprocess.Popen, [sys.executable, "-c", "import time; time.sleep(20)"], stdin=subprocess.DEVNULL
    )
    try:
        got = await ground.got(
            """
attempt("killed a process outside", lambda: os.kill(int(sys.argv[1]), 9))
if alone:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for pid, number in ((1, signal.SIGSTOP), (1, signal.SIGKILL), (1, signal.SIGTERM), (-1, signal.SIGTERM)):
        attempt("a signal inside, which hits nobody", lambda: os.kill(pid, number))
end()
""",
            str(victim.pid),
        )
        # A number that is nobody's inside cannot be told from one that is refused: ask the victim.
        return unless(victim.poll() is None, f"a process outside is dead ({got})")
    finally:
        victim.kill()
        await asyncio.to_thread(victim.wait)


@attack(None, "pid_namespace", docker=PIDS)
async def processes_of_the_machine_are_not_in_sight(ground: Ground) -> list[str]:
    """/proc shows the sandbox's own few processes."""
    return await ground.got("""
if len(pids()) > 6:
    got.append(f"{len(pids())} processes are in sight")
end()
""")


@attack(24, "seccomp")
async def no_process_can_be_traced(ground: Ground) -> list[str]:
    """Neither the first process, which would hold up the end, nor a child of one's own."""
    return await ground.got("""
child = os.fork()
if child == 0:
    time.sleep(10); os._exit(0)
attempt("seize a child", lambda: call((101, 117), 0x4206, child, 0, 0))
if alone and not got:
    attempt("seize the first process", lambda: call((101, 117), 0x4206, 1, 0, 0))
    attempt("be traced", lambda: call((101, 117), 0, 0, 0, 0))
data = ctypes.create_string_buffer(8)
vector = (ctypes.c_ulong * 2)(ctypes.addressof(data), 8)
attempt("read a child's memory", lambda: call((310, 270), child, vector, 1, vector, 1, 0))
os.kill(child, 9)
end()
""")


@attack(25, "seccomp", "nested_namespaces", docker=("seccomp",))
async def no_namespace_can_be_made_inside(ground: Ground) -> list[str]:
    """A user namespace of one's own would bring capabilities, and with them the kernel's less tried parts."""
    return await ground.got("""
if os.fork() == 0:
    attempt("user namespace", lambda: call((272, 97), 0x10000000))
    end(); os._exit(0)
os.wait()
for name, flag in (("mount", 0x20000), ("network", 0x40000000), ("pid", 0x20000000), ("ipc", 0x08000000)):
    attempt(name + " namespace", lambda: call((272, 97), flag))
if not got:
    os._exit(0)
end()
""")


@attack(
    25,
    "seccomp",
    "capabilities_dropped",
    "user_namespace",
    "unprivileged_uid",
    user=KERNEL,
    docker=("seccomp", "capabilities_dropped", "unprivileged_uid"),
)
async def nothing_is_mounted(ground: Ground) -> list[str]:
    """Mounting, and another root."""
    return await ground.got("""
attempt("mount", lambda: call((165, 40), b"none", b"/tmp", b"tmpfs", 0, 0))
attempt("chroot", lambda: os.chroot("/tmp"))
end()
""")


@attack(
    25,
    "capabilities_dropped",
    "user_namespace",
    "unprivileged_uid",
    user=KERNEL,
    docker=("capabilities_dropped", "unprivileged_uid"),
)
async def nobody_becomes_another(ground: Ground) -> list[str]:
    """setuid 0, other groups, and the programs that are there for it."""
    return await ground.got("""
import subprocess
attempt("setuid", lambda: os.setuid(0) if os.getuid() else (_ for _ in ()).throw(OSError()))
attempt("setgroups", lambda: os.setgroups([0]))
for command in (["su", "-c", "id -u"], ["sudo", "-n", "id", "-u"]):
    def run():
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
        if done.returncode or done.stdout.strip() != b"0":
            raise OSError()
    attempt(command[0], run) if os.getuid() else None
end()
""")


@attack(None, "unprivileged_uid", user=KERNEL)
async def no_process_of_it_is_root(ground: Ground) -> list[str]:
    """Whatever user it sees itself as: on the host its processes are not those of user 0."""
    mark = secrets.token_hex(8)
    task = asyncio.ensure_future(ground.run("import time; time.sleep(1)", mark))
    try:
        found = await until(lambda: alive(mark))
        assert found, "the program did not start"
        await asyncio.sleep(0.2)
        return [f"process {pid} is root's" for pid in alive(mark) if _user_of(pid) == 0]
    finally:
        await asyncio.gather(task, return_exceptions=True)


def _user_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116
    except OSError:
        return None


@attack(26, "seccomp")
async def large_interfaces_of_the_kernel_are_closed(ground: Ground) -> list[str]:
    """io_uring, bpf, keys, perf, userfaultfd and what else experiments have no use for."""
    return await ground.got("""
room = ctypes.create_string_buffer(256)
for name, numbers, args in (
    ("io_uring_setup", (425, 425), (1, room)), ("bpf", (321, 280), (0, room, 64)), ("keyctl", (250, 219), (0, -3, 1)),
    ("add_key", (248, 217), (b"user", b"x", b"y", 1, -2)), ("perf_event_open", (298, 241), (room, 0, -1, -1, 0)),
    ("userfaultfd", (323, 282), (1,)), ("personality", (135, 92), (8,)), ("syslog", (103, 116), (10, 0, 0)),
    ("name_to_handle_at", (303, 264), (-100, b"/", room, room, 0)), ("kcmp", (312, 272), (2, 2, 0, 0, 0)),
    ("fsopen", (430, 430), (b"tmpfs", 0)), ("open_tree", (428, 428), (-100, b"/", 0)),
    ("pidfd_getfd", (438, 438), (os.pidfd_open(os.getpid()), 0, 0)), ("modify_ldt", (154, 154), (0, room, 16)),
    ("memfd_secret", (447, 447), (0,)), ("io_setup", (206, 0), (1, ctypes.create_string_buffer(8))),
    ("fanotify_init", (300, 262), (0x200, 0)), ("move_mount", (429, 429), (-1, b"/", -1, b"/", 0)),
):
    if name != "modify_ldt" or platform.machine() == "x86_64":
        attempt(name, lambda: call(numbers, *args))
end()
""")


@attack(
    27,
    "capabilities_dropped",
    "user_namespace",
    "unprivileged_uid",
    user=KERNEL,
    docker=("capabilities_dropped", "unprivileged_uid"),
)
async def no_device_can_be_made(ground: Ground) -> list[str]:
    """A node of /dev/null, which is as forbidden as a disk's and harmless; a disk's where nothing is removed."""
    return await ground.got("""
attempt("character device", lambda: os.mknod("device", 0o20666, os.makedev(1, 3)))
if os.getuid():
    attempt("block device", lambda: os.mknod("disk", 0o60660, os.makedev(8, 0)))
end()
""")


@attack(28, "own_session", docker=ENGINE)
async def no_terminal_is_there(ground: Ground) -> list[str]:
    """The driver's terminal cannot be opened by name."""
    return await ground.got('attempt("/dev/tty", lambda: os.close(os.open("/dev/tty", os.O_RDWR)))\nend()')


@attack(28, "seccomp")
async def input_cannot_be_pushed_into_a_terminal(ground: Ground) -> list[str]:
    """The filter answers, also where the request's upper half is not zero; no terminal is asked."""
    return await ground.got("""
libc = ctypes.CDLL(None, use_errno=True)
for request in (0x5412, 0x1_0000_5412, 0x541C):
    libc.ioctl(0, ctypes.c_ulong(request), ctypes.c_char_p(b"x"))
    if ctypes.get_errno() != errno.EPERM:
        got.append(hex(request))
end()
""")


@attack(31, "core_limit")
async def no_core_is_dumped(ground: Ground) -> list[str]:
    """A program asks for a core as large as it may be, and crashes."""
    result = await ground.run(
        """
import os, resource
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
print("core" if hard else "none", flush=True)
resource.setrlimit(resource.RLIMIT_CORE, (min(hard, 1 << 20) if hard > 0 else hard, hard))
os.abort()
""",
        outputs=("core*",),
    )
    return [
        *unless(result.stdout.text == "none\n", "a core may be dumped"),
        *unless(not result.outputs, "a core was dumped"),
        *unless(result.status == "killed" and result.signal == 6, f"a crash is called {result.status}"),
    ]


@attack(None, "ipc_namespace", "seccomp")
async def shared_memory_of_the_host_is_out_of_reach(ground: Ground) -> list[str]:
    """A System V segment that anybody may read and write."""
    libc = ctypes.CDLL(None, use_errno=True)
    key = 0x70656572
    segment = libc.shmget(key, 4096, 0o1666)
    assert segment >= 0, "the bait could not be laid"
    try:
        return await ground.got(
            """
libc = ctypes.CDLL(None, use_errno=True)
if libc.shmget(int(sys.argv[1]), 0, 0) >= 0:
    got.append("a segment of the host")
end()
""",
            str(key),
        )
    finally:
        libc.shmctl(segment, 0, None)


@attack(None, "uts_namespace")
async def the_hosts_name_is_not_told(ground: Ground) -> list[str]:
    """Names of hosts say more than a program needs."""
    return await ground.got(
        'got.extend(["the name of the host"] if os.uname().nodename == sys.argv[1] else [])\nend()',
        socket.gethostname(),
    )


@attack(None, "seccomp")
async def no_system_call_of_another_architecture_gets_through(ground: Ground) -> list[str]:
    """On x86_64, a call by the x32 numbers, and one by the 32-bit gate."""
    result = await ground.run("""
import ctypes, platform, mmap
if platform.machine() == "x86_64":
    # getpid by int 0x80: mov eax, 20; int 0x80; ret
    code = b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3"
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    got = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    print("answered" if got > 0 else "refused", flush=True)
""")
    return unless("answered" not in result.stdout.text, "a 32-bit system call was answered")
