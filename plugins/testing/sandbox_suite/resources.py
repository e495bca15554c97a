"""Attacks on what a machine has: processes, memory, disk."""

from __future__ import annotations

from peercycle.plugins.testing.sandbox_suite.ground import Ground, changed, unless
from peercycle.plugins.testing.sandbox_suite.rows import attack, behaviour


@behaviour
async def benign_work_goes_through(ground: Ground) -> list[str]:
    """Computing, a file, a pool of processes and threads (row 1; it has to pass, and fails where a limit is too small)."""
    said = await ground.said("""
import multiprocessing, threading
def double(x):
    return 2 * x
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        total = sum(pool.map(double, range(10)))
    seen = []
    threads = [threading.Thread(target=seen.append, args=(n,)) for n in range(4)]
    [t.start() for t in threads]; [t.join() for t in threads]
    open("out.txt", "w").write("written")
    print(total, len(seen), open("out.txt").read())
""")
    return unless(said == "90 4 written", f"it said {said!r}")


FORKS = """
limit = int(sys.argv[1])
made = []
try:
    while len(made) < limit + limit // 10 + 1:
        pid = os.fork()
        if pid == 0:
            time.sleep(20); os._exit(0)
        made.append(pid)
except OSError:
    pass
if len(made) > limit:
    got.append(f"{len(made)} processes of {limit}")
for pid in made:
    os.kill(pid, 9)
end()
"""


@attack(2, "process_limit")
async def a_fork_bomb_stops_at_the_limit(ground: Ground) -> list[str]:
    """A program forks until it is refused, or is a tenth over the limit."""
    return await ground.got(FORKS, "24")


@attack(None, "process_limit")
async def threads_count_as_processes(ground: Ground) -> list[str]:
    """A program starts threads instead of processes."""
    return await ground.got(
        """
import threading
gate, made = threading.Event(), 0
try:
    for made in range(1, 28):
        threading.Thread(target=gate.wait, daemon=True).start()
except RuntimeError:
    made -= 1
gate.set()
if made > 24:
    got.append(f"{made} threads of 24")
end()
"""
    )


MEMORY = """
import time
held = []
for _ in range({steps}):
    held.append(bytearray(b"x") * (1 << 20))
time.sleep(6)
print("took it", flush=True)
"""


@attack(3, "memory_limit")
async def memory_over_the_limit_is_oom(ground: Ground) -> list[str]:
    """One process takes the limit and a tenth."""
    result = await ground.run(MEMORY.format(steps=71), limits=changed(memory_mb=64))
    return unless(result.status == "oom", f"71 MB of 64: {result.status}")


@attack(4, "memory_limit")
async def memory_of_many_processes_counts_together(ground: Ground) -> list[str]:
    """Four processes take a quarter each of the limit and a little."""
    result = await ground.run(
        """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = bytearray(b"x") * (18 << 20); time.sleep(6); os._exit(0)
time.sleep(6)
""",
        limits=changed(memory_mb=64),
    )
    return unless(result.status == "oom", f"4 times 18 MB of 64: {result.status}")


@attack(None, "memory_limit")
async def memory_backed_folders_count_as_memory(ground: Ground) -> list[str]:
    """A program fills /dev/shm instead of its own memory."""
    result = await ground.run(
        """
import time
with open("/dev/shm/fill", "wb", buffering=0) as out:
    for _ in range(60):
        out.write(b"x" * (1 << 20))
held = bytearray(b"x") * (16 << 20)
time.sleep(6)
""",
        limits=changed(memory_mb=64, disk_mb=128),
    )
    return unless(result.status == "oom", f"76 MB of 64, most of it in /dev/shm: {result.status}")


@attack(5, "file_size_limit")
async def a_sparse_file_of_8_tb_is_refused(ground: Ground) -> list[str]:
    """A file is made long without being written."""
    return await ground.got("""
attempt("8 TB", lambda: open("big", "wb").truncate(8 << 40))
end()
""")


@attack(5, "disk_watch", "file_size_limit", docker=("disk_watch", "file_size_limit", "tmpfs_limit"))
async def one_big_file_is_refused(ground: Ground) -> list[str]:
    """A single file is written to the limit and a tenth."""
    result = await ground.run("""
import time
with open("big", "wb", buffering=0) as out:
    for _ in range(18):
        out.write(b"x" * (1 << 20))
time.sleep(6)
print("wrote it", flush=True)
""")
    return unless("wrote it" not in result.stdout.text, f"18 MB of 16 in one file: {result.status}")


@attack(6, "disk_watch")
async def many_files_over_the_limit_end_the_program(ground: Ground) -> list[str]:
    """The limit and a tenth in files of one megabyte."""
    result = await ground.run("""
import time
for n in range(18):
    open(f"fill-{n}", "wb").write(b"x" * (1 << 20))
time.sleep(6)
""")
    return unless(result.status == "disk_limit", f"18 MB of 16 in many files: {result.status}")


@attack(None, "disk_watch", docker=("disk_watch", "tmpfs_limit"))
async def disk_space_without_a_name_counts(ground: Ground) -> list[str]:
    """The limit and a tenth in files that are removed while they are open."""
    result = await ground.run("""
import os, time
held = []
for n in range(18):
    f = open("x", "wb", buffering=0); os.unlink("x"); f.write(b"x" * (1 << 20)); held.append(f)
time.sleep(6)
print("took it", flush=True)
""")
    return unless("took it" not in result.stdout.text, f"18 MB of 16 without a name: {result.status}")


@attack(7, "disk_watch")
async def an_inode_bomb_ends_the_program(ground: Ground) -> list[str]:
    """The limit and a tenth in empty files."""
    result = await ground.run("for n in range(221):\n    open(f'{n}', 'w').close()\nimport time; time.sleep(6)")
    return unless(result.status in ("disk_limit", "timeout"), f"221 entries of 200: {result.status}")


@attack(None, "disk_watch")
async def a_tree_too_deep_to_be_watched_ends_the_program(ground: Ground) -> list[str]:
    """150 folders, one in the other, and files in the last: no path reaches those."""
    result = await ground.run(
        "import os, time\nfor _ in range(150): os.mkdir('d'); os.chdir('d')\n"
        "for n in range(70): open(f'{n}', 'w').close()\ntime.sleep(6)"
    )
    return unless(result.status == "disk_limit", f"220 entries of 200, 150 folders deep: {result.status}")


@attack(8, "remount_read_only", docker=("unprivileged_uid",))
async def neither_the_root_nor_dev_can_be_filled(ground: Ground) -> list[str]:
    """The folders that hold the sandbox together take no file, named or not."""
    return await ground.got("""
for folder in ("/", "/dev", "/etc", "/mnt", "/run", "/proc", "/sys"):
    attempt(folder, lambda: os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)))
    attempt(folder + "/x", lambda: os.close(os.open(folder + "/x", os.O_CREAT | os.O_WRONLY)))
end()
""")


@attack(8, "tmpfs_limit")
async def memory_backed_folders_have_a_size(ground: Ground) -> list[str]:
    """The one for shared memory takes its 64 MB and no tenth more; the temporary one has its 256."""
    return await ground.got(
        """
def fill(folder, megabytes):
    with open(folder + "/fill", "wb", buffering=0) as out:
        for _ in range(megabytes):
            if out.write(b"x" * (1 << 20)) < 1 << 20:
                raise OSError(errno.ENOSPC, "")
attempt("/dev/shm took 71 MB", lambda: fill("/dev/shm", 71))
if os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize > 256 << 20:
    got.append("/tmp has no size")
end()
""",
        limits=changed(memory_mb=512, disk_mb=128),
    )


@attack(None, "open_files_limit")
async def open_files_are_limited(ground: Ground) -> list[str]:
    """A program opens the limit and a tenth."""
    return await ground.got(
        """
held = []
try:
    for _ in range(71):
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
if len(held) > 64:
    got.append(f"{len(held)} open files of 64")
end()
""",
        limits=changed(open_files=64),
    )


@attack(None, "file_size_limit")
async def a_program_cannot_raise_its_own_limits(ground: Ground) -> list[str]:
    """Limits of a process are hard ones."""
    raised = await ground.got(
        """
import resource
for name, wanted in (("FSIZE", 64 << 20), ("NOFILE", 300), ("CORE", 1 << 20)):
    kind = getattr(resource, "RLIMIT_" + name)
    attempt(name, lambda: resource.setrlimit(kind, (wanted, wanted)))
end()
""",
        limits=changed(open_files=64),
    )
    return [each for each in raised if each != "CORE"]
