"""Programs that attack the machine: each is contained, and most are shown to succeed without the protection.

Payloads are bounded, so that a protection that is missing costs a little and harms nothing.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from peercycle.core.sandboxing import Limits

if TYPE_CHECKING:
    from tests.sandbox.conftest import Harness

SMALL = Limits(wall_s=10, memory_mb=256, processes=24, disk_mb=16, files=200, output_bytes=64 << 10)
ROOT = os.geteuid() == 0


def small(**changes: object) -> Limits:
    return Limits(**{**SMALL.model_dump(), **changes})


def call(number: str, *args: int) -> str:
    """A program that makes one system call and prints the error's name, or `allowed`."""
    return f"""
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
numbers = {number}
got = libc.syscall(numbers[platform.machine()], *{args!r})
print("allowed" if got >= 0 else errno.errorcode[ctypes.get_errno()])
"""


# -------------------------------------------------------------------------------- 1: what must work


def test_benign_work_goes_through(harness: Harness) -> None:
    said = harness.said("""
import multiprocessing, threading
def double(x):
    return 2 * x
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(3) as pool:
        total = sum(pool.map(double, range(10)))
    seen = []
    threads = [threading.Thread(target=seen.append, args=(n,)) for n in range(4)]
    [t.start() for t in threads]; [t.join() for t in threads]
    open("out.txt", "w").write("written")
    print(total, len(seen), open("out.txt").read())
""")
    assert said == "90 4 written"


def test_benign_work_goes_through_without_cgroups(watched: Harness) -> None:
    assert watched.said("import threading; t = threading.Thread(target=print, args=('hi',)); t.start()") == "hi"


# ------------------------------------------------------------------------------------ 2-4: processes, memory

FORKS = """
import os, sys, time
made = 0
try:
    while made < 100:
        if os.fork() == 0:
            time.sleep(30); os._exit(0)
        made += 1
except OSError:
    pass
print(made)
"""


def test_a_fork_bomb_stops_at_the_limit(harness: Harness) -> None:
    assert 10 < int(harness.said(FORKS)) <= SMALL.processes


def test_a_fork_bomb_stops_at_the_limit_without_cgroups(watched: Harness) -> None:
    assert 10 < int(watched.said(FORKS)) <= SMALL.processes


def test_a_fork_bomb_goes_on_where_processes_are_not_limited(harness: Harness) -> None:
    assert int(harness.said(FORKS, without=("process_limit",))) == 100


MEMORY = """
import time
held = []
for _ in range(16):
    held.append(bytearray(b"x") * (8 << 20)); time.sleep(0.02)
print("took it")
"""


@pytest.mark.parametrize("mode", ["harness", "watched"])
def test_memory_over_the_limit_is_oom(mode: str, request: pytest.FixtureRequest) -> None:
    result = request.getfixturevalue(mode).run(MEMORY, limits=small(memory_mb=64))
    assert result.status == "oom"
    assert result.duration_s < 5
    assert result.peak_memory_mb is not None
    assert 30 < result.peak_memory_mb < 140


def test_memory_over_the_limit_is_had_where_it_is_not_limited(harness: Harness) -> None:
    assert harness.said(MEMORY, limits=small(memory_mb=64), without=("memory_limit",)) == "took it"


def test_memory_of_many_processes_counts_together(harness: Harness) -> None:
    result = harness.run(
        """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(b"x") * (30 << 20); time.sleep(20); os._exit(0)
time.sleep(20)
""",
        limits=small(memory_mb=64),
    )
    assert result.status == "oom"


def test_death_by_a_signal_of_its_own_is_not_oom_and_not_a_timeout(harness: Harness) -> None:
    result = harness.run("import os; os.kill(os.getpid(), 9)")
    assert (result.status, result.signal, result.exit_code) == ("killed", 9, None)


# ------------------------------------------------------------------------------------------ 5-8: disk


def test_one_big_file_is_refused_sparse_or_not(harness: Harness) -> None:
    said = harness.said("""
import errno
for size in (17 << 20, 8 << 40):
    try:
        with open("big", "wb") as out:
            out.truncate(size)
        print("made")
    except OSError as e:
        print(errno.errorcode[e.errno])
""")
    assert said.split() == ["EFBIG", "EFBIG"]


FILL = """
import time
for n in range(30):
    open(f"fill-{n}", "wb").write(b"x" * (1 << 20)); time.sleep(0.05)
print("filled")
"""


def test_filling_the_disk_by_many_files_ends_the_program(harness: Harness) -> None:
    result = harness.run(FILL)
    assert result.status == "disk_limit"


def test_the_disk_is_filled_where_nobody_watches(harness: Harness) -> None:
    assert harness.said(FILL, without=("disk_watch",)) == "filled"


def test_disk_space_without_a_name_counts(harness: Harness) -> None:
    result = harness.run("""
import os, time
held = []
for n in range(30):
    f = open("x", "wb"); os.unlink("x"); f.write(b"x" * (1 << 20)); f.flush(); held.append(f); time.sleep(0.05)
print("filled")
""")
    assert result.status == "disk_limit"


def test_too_many_entries_end_the_program(harness: Harness) -> None:
    result = harness.run("for n in range(2000):\n    open(f'{n}', 'w').close()\nimport time; time.sleep(5)")
    assert result.status == "disk_limit"
    assert result.duration_s < 4


def test_a_program_that_is_over_the_limit_when_it_ends_is_told_so(harness: Harness) -> None:
    result = harness.run("for n in range(300):\n    open(f'{n}', 'w').close()")
    assert result.status == "disk_limit"


@pytest.mark.parametrize("program", ["import os\nfor _ in range(300): os.mkdir('d'); os.chdir('d')",
                                     "import os; os.mkdir('shut'); os.chmod('shut', 0o300)"])  # fmt: skip
def test_a_tree_that_could_hide_files_from_the_watch_ends_the_program(harness: Harness, program: str) -> None:
    if "shut" in program and ROOT:
        pytest.skip("needs an ordinary user: root reads every folder")
    limits = small(files=1000)
    assert harness.run(program + "\nimport time; time.sleep(5)", limits=limits).status == "disk_limit"


FOLDERS = """
import errno
for folder in ("/tmp", "/dev/shm", "/dev", "/", "/etc", "/usr"):
    try:
        with open(folder + "/fill", "wb") as out:
            for _ in range(70):
                out.write(b"x" * (1 << 20))
        print(folder, "filled")
    except OSError as e:
        print(folder, errno.errorcode[e.errno])
"""


def test_no_other_folder_can_be_filled(harness: Harness) -> None:
    assert harness.said(FOLDERS, limits=small(disk_mb=128)).splitlines()[1:] == [
        "/dev/shm ENOSPC", "/dev EROFS", "/ EROFS", "/etc EROFS", "/usr EROFS",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["harness", "watched"])
def test_what_is_kept_in_memory_backed_folders_counts_as_memory(mode: str, request: pytest.FixtureRequest) -> None:
    limits = small(memory_mb=64, disk_mb=128)
    sleep = "\nimport time; time.sleep(1)"
    assert request.getfixturevalue(mode).run(FOLDERS + sleep, limits=limits).status == "oom"


def test_dev_can_be_filled_where_it_is_not_mounted_read_only(harness: Harness) -> None:
    said = harness.said(FOLDERS, limits=small(memory_mb=512, disk_mb=128), without=("remount_read_only",))
    assert "/dev filled" in said.splitlines()


# ---------------------------------------------------------------------------------- 9-13: output, time


def test_endless_output_is_cut_and_its_head_and_tail_are_kept(harness: Harness) -> None:
    result = harness.run("import sys\nprint('first')\nwhile True: sys.stdout.write('x' * 4096)")
    assert result.status == "output_limit"
    assert result.stdout.truncated
    assert result.stdout.head.startswith("first")
    assert result.stdout.tail.endswith("x")
    assert len(result.stdout.head) + len(result.stdout.tail) <= SMALL.output_bytes
    assert result.stdout.total_bytes > SMALL.output_bytes


def test_bytes_that_are_not_text_come_back_as_text(harness: Harness) -> None:
    said = harness.run(r"import os; os.write(1, b'a\xff\xfe\x1b[2Jb\n')").stdout
    assert said.head == "a��\x1b[2Jb\n"
    assert said.total_bytes == 9


def survivors(mark: str) -> list[str]:
    """Processes of this machine whose command line holds a mark."""
    found = []
    for pid in (path.name for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in command:
            found.append(pid)
    return found


STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
while {busy}:
    pass
time.sleep(60)
"""


@pytest.mark.parametrize("busy", [True, False])
def test_a_timeout_ends_children_that_hide(harness: Harness, busy: bool) -> None:
    mark = secrets.token_hex(8)
    begun = time.monotonic()
    result = harness.run(STUBBORN.format(busy=busy), mark, limits=small(wall_s=0.7))
    assert (result.status, result.signal) == ("timeout", 9)
    assert time.monotonic() - begun < 3
    assert survivors(mark) == []


def test_a_processor_limit_ends_a_spin(harness: Harness) -> None:
    result = harness.run("while True: pass", limits=small(cpu_s=1, wall_s=8))
    assert result.status in ("timeout", "killed")
    assert result.duration_s < 5


def test_a_daemon_left_behind_holds_nothing_up_and_does_not_survive(harness: Harness) -> None:
    mark = secrets.token_hex(8)
    result = harness.run(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(30)\nprint('done')", mark
    )
    assert (result.status, result.stdout.text) == ("ok", "done\n")
    assert result.duration_s < 3
    assert survivors(mark) == []


def test_the_survivor_check_can_fail() -> None:
    mark = secrets.token_hex(8)
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)", mark])
    try:
        end = time.monotonic() + 5
        while not (found := survivors(mark)) and time.monotonic() < end:
            time.sleep(0.02)
        assert found == [str(left.pid)]
    finally:
        left.kill()
        left.wait()


# ---------------------------------------------------------------------------------- 14-17: network

REACH = """
import socket, sys
for family, address in ((socket.AF_INET, ("127.0.0.1", int(sys.argv[1]))), (socket.AF_UNIX, "\\0" + sys.argv[2]),
                        (socket.AF_INET, ("169.254.169.254", 80)), (socket.AF_INET6, ("2001:db8::1", 80))):
    with socket.socket(family) as s:
        s.settimeout(1)
        try:
            s.connect(address); print("reached")
        except OSError:
            print("denied")
"""


def test_neither_loopback_nor_sockets_of_the_host_are_reached(harness: Harness) -> None:
    with socket.socket() as loopback, socket.socket(socket.AF_UNIX) as abstract:
        name = secrets.token_hex(8)
        loopback.bind(("127.0.0.1", 0))
        loopback.listen()
        abstract.bind("\0" + name)
        abstract.listen()
        args = (str(loopback.getsockname()[1]), name)
        assert harness.said(REACH, *args).split() == ["denied"] * 4
        assert harness.said(REACH, *args, without=("network_namespace",)).split()[:2] == ["reached"] * 2


def test_names_are_not_resolved_and_datagrams_not_sent(harness: Harness) -> None:
    said = harness.said("""
import socket
try:
    socket.getaddrinfo("example.org", 80); print("resolved")
except OSError:
    print("denied")
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)); print("sent")
except OSError:
    print("denied")
""")
    assert said.split() == ["denied", "denied"]


FAMILIES = """
import errno, socket
for family, kind, protocol in ((40, 1, 0), (16, 3, 0), (17, 3, 0), (38, 5, 0), (2, 3, 1)):
    try:
        socket.socket(family, kind, protocol).close(); print("made")
    except OSError as e:
        print(errno.errorcode[e.errno])
"""


def test_vsock_netlink_packet_crypto_and_raw_sockets_are_denied(harness: Harness) -> None:
    assert harness.said(FAMILIES).split() == ["EPERM"] * 5
    assert "made" in harness.said(FAMILIES, without=("seccomp",)).split()


# ---------------------------------------------------------------------------------- 18-22: files, secrets

READ = """
import sys
for path in sys.argv[1:]:
    try:
        open(path).read(); print("read")
    except OSError as e:
        print(type(e).__name__)
"""


def test_files_of_the_host_are_not_there(harness: Harness, state: Path) -> None:
    secret = state / "secret"
    secret.write_text("secret")
    paths = (str(secret), "/etc/shadow", "/root/.bashrc", "/var/run/docker.sock", "/etc/hostname")
    assert harness.said(READ, *paths).split() == ["FileNotFoundError"] * 5
    assert harness.said(READ, str(secret), without=("mount_namespace",)) == "read"


def test_a_key_in_our_environment_is_nowhere_inside(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-" + secrets.token_hex(16)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    look = """
import os, sys
found = 0
for pid in filter(str.isdigit, os.listdir("/proc")):
    found += sys.argv[1].encode() in open(f"/proc/{pid}/environ", "rb").read()
print(found + (sys.argv[1] in os.environ.values()))
"""
    assert harness.said(look, key) == "0"
    assert harness.said(look, key, without=("clean_environment",)) == "1"


def test_no_path_of_the_host_shows_in_a_command_line(harness: Harness, state: Path) -> None:
    said = harness.said(
        "import os\nfor p in filter(str.isdigit, os.listdir('/proc')):\n"
        "    print(open(f'/proc/{p}/cmdline').read(), os.readlink(f'/proc/{p}/cwd'))"
    )
    assert str(state) not in said
    assert "peercycle" not in said


def test_only_the_three_standard_descriptors_are_open(harness: Harness) -> None:
    # The fourth is the listing's own.
    assert harness.said("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))") == "[0, 1, 2, 3]"


WRITE = """
import errno
for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger"):
    try:
        open(path, "r+b", buffering=0).close(); print("writable")
    except OSError as e:
        print("denied")
"""


def test_the_settings_of_the_machine_are_not_writable(harness: Harness) -> None:
    assert harness.said(WRITE).split() == ["denied"] * 3


def test_the_settings_of_the_machine_are_writable_to_root_in_a_namespace(harness: Harness) -> None:
    if not ROOT:
        pytest.skip("needs root: shows why bubblewrap is never run as root")
    assert "writable" in harness.said(WRITE, without=("unprivileged_uid",)).split()


def test_inputs_can_be_neither_written_nor_replaced(harness: Harness) -> None:
    files = {"run.py": harness.bodies.add(b"1"), "pkg/deep/harness.py": harness.bodies.add(b"2")}
    tamper = """
import os, shutil
for do in (lambda: open("run.py", "w"), lambda: os.remove("run.py"), lambda: os.rename("run.py", "x"),
           lambda: os.rename("pkg", "old"), lambda: shutil.rmtree("pkg/deep"), lambda: os.chmod("run.py", 0o777),
           lambda: open("pkg/new", "w"), lambda: os.replace("/tmp/home", "pkg")):
    try:
        do(); print("done")
    except OSError:
        print("denied")
open("mine", "w").close()
"""
    assert harness.said(tamper, files=files).split() == ["denied"] * 8
    # As root the file is still root's, and so closed to the program; gone are the mounts that hold it in place.
    assert (
        "done"
        in harness.said(
            tamper, files=files, without=("read_only_inputs", "unprivileged_uid" if ROOT else "seccomp")
        ).split()
    )


# ---------------------------------------------------------------------------------- 23-29: the kernel


def test_signals_to_its_first_process_do_nothing(harness: Harness) -> None:
    said = harness.said("""
import os, signal
for pid, number in ((1, 9), (1, signal.SIGSTOP), (1, signal.SIGTERM)):
    os.kill(pid, number)
print("alive")
""")
    assert said == "alive"


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("ptrace", call("{'x86_64': 101, 'aarch64': 117}", 0, 0, 0, 0)),
        ("keyctl", call("{'x86_64': 250, 'aarch64': 219}", 0, -3, 1)),
        ("io_uring_setup", call("{'x86_64': 425, 'aarch64': 425}", 1, 0)),
        ("unshare", call("{'x86_64': 272, 'aarch64': 97}", 0x04000000)),
        ("perf_event_open", call("{'x86_64': 298, 'aarch64': 241}", 0, 0, 0, 0, 0)),
        ("personality", call("{'x86_64': 135, 'aarch64': 92}", 8)),
    ],
)
def test_a_system_call_of_no_use_to_experiments_is_denied(harness: Harness, name: str, program: str) -> None:
    assert harness.said(program) == "EPERM"
    assert harness.said(program, without=("seccomp",)) != "EPERM" or name in ("unshare", "perf_event_open")


def test_clone3_is_answered_so_that_the_c_library_falls_back(harness: Harness) -> None:
    assert harness.said(call("{'x86_64': 435, 'aarch64': 435}", 0, 0)) == "ENOSYS"


def test_a_process_cannot_regain_privileges(harness: Harness) -> None:
    said = harness.said("""
import os
fields = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(fields["CapEff"], fields["NoNewPrivs"], fields["Seccomp"], os.getuid())
for do in (lambda: os.setuid(0), lambda: os.mknod("dev", 0o60660, os.makedev(8, 0)), lambda: os.chroot("/tmp")):
    try:
        do(); print("done")
    except OSError:
        print("denied")
""")
    assert said.split() == ["0000000000000000", "1", "2", "1000", "denied", "denied", "denied"]


def test_the_terminal_is_not_there_and_input_cannot_be_pushed_into_it(harness: Harness) -> None:
    said = harness.said("""
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for request in (0x5412, 0x1_0000_5412):
    libc.ioctl(0, ctypes.c_ulong(request), ctypes.c_char_p(b"x")); print(errno.errorcode[ctypes.get_errno()])
try:
    open("/dev/tty"); print("opened")
except OSError:
    print("denied")
""")
    assert said.split() == ["EPERM", "EPERM", "denied"]


def test_standard_input_is_empty_unless_given(harness: Harness) -> None:
    assert harness.said("import sys; print(repr(sys.stdin.read()))") == "''"
    given = harness.bodies.add(b"some input")
    assert harness.said("import sys; print(repr(sys.stdin.read()))", stdin=given) == "'some input'"
