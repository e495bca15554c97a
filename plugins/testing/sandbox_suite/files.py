"""Attacks on what the host and other runs keep: files, secrets, descriptors, inputs."""

from __future__ import annotations

import asyncio
import os
import secrets

from peercycle.plugins.testing.sandbox_suite.ground import Ground, changed, unless
from peercycle.plugins.testing.sandbox_suite.rows import ENGINE, KERNEL, Nothing, attack

READ = """
for path in sys.argv[1:]:
    attempt(path, lambda: open(path, "rb").read(1))
end()
"""


@attack(18, "mount_namespace")
async def files_of_the_host_are_not_there(ground: Ground) -> list[str]:
    """A file that anybody may read, and those that every host has."""
    secret = ground.folder / f"secret-{secrets.token_hex(4)}"
    secret.write_text("secret")
    secret.chmod(0o644)
    try:
        return await ground.got(
            READ, str(secret), "/etc/shadow", "/root/.bashrc", "/boot/grub/grub.cfg", "/var/log/dpkg.log"
        )
    finally:
        secret.unlink()


HOLD = """
import os, sys, time
open(sys.argv[1], "w").write("mine")
os.chmod(sys.argv[1], 0o644); os.chmod(".", 0o755)
print("up", flush=True)
time.sleep(8)
"""
SEEK = """
import glob
for folder in sys.argv[2:]:
    for found in glob.glob(folder + "/**/" + sys.argv[1], recursive=True):
        attempt(found, lambda: open(found).read())
for pid in pids():
    attempt(f"working directory of {pid}", lambda: open(f"/proc/{pid}/cwd/" + sys.argv[1]).read())
end()
"""


@attack(
    18,
    "mount_namespace",
    "unprivileged_uid",
    user=("mount_namespace",),
    docker=Nothing("its folder is memory of the container, and lies nowhere on the host"),
)
async def another_runs_folder_is_not_there(ground: Ground) -> list[str]:
    """One program opens its folder to all; another one, meanwhile, looks for the file in it."""
    mark, up = f"mine-{secrets.token_hex(6)}", asyncio.Event()
    first = asyncio.ensure_future(
        ground.run(HOLD, mark, on_output=lambda _name, _chunk: up.set(), limits=changed(wall_s=10))
    )
    try:
        await asyncio.wait_for(up.wait(), 20)
        places = (str(ground.folder.parent / "state"), "/tmp", "/work", "/run", "/var/lib/peercycle")  # noqa: S108
        return await ground.got(SEEK, mark, *places)
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


@attack(19, "clean_environment")
async def keys_are_in_no_environment(ground: Ground) -> list[str]:
    """A key in the driver's environment is sought in the program's, and in that of every process in sight."""
    key = f"sk-{secrets.token_hex(16)}"
    os.environ["OPENAI_API_KEY"] = key
    try:
        return await ground.got(
            """
key = bytes(reversed(sys.argv[1].encode()))
if key.decode() in os.environ.values():
    got.append("own environment")
for pid in pids():
    attempt(f"process {pid}", lambda: open(f"/proc/{pid}/environ", "rb").read().index(key))
end()
""",
            key[::-1],
        )
    finally:
        del os.environ["OPENAI_API_KEY"]


@attack(20, "arguments_hidden")
async def no_path_of_the_host_is_in_a_command_line(ground: Ground) -> list[str]:
    """Command lines, links and mounts of every process in sight tell nothing of where the host keeps things."""
    return await ground.got(
        """
hidden = bytes(reversed(sys.argv[1].encode()))
for pid in pids():
    attempt(f"command line of {pid}", lambda: open(f"/proc/{pid}/cmdline", "rb").read().index(hidden))
    attempt(f"folder of {pid}", lambda: os.readlink(f"/proc/{pid}/cwd").encode().index(hidden))
end()
""",
        str(ground.facts.get("host_path", ground.folder.parent.name))[::-1],
    )


REWRITE = """
def rewrite(path):
    with open(path, "r+b", buffering=0) as setting:
        value = setting.read()
        setting.seek(0)
        setting.write(value)
"""


@attack(21, "sysctl_mount", "unprivileged_uid", user=KERNEL)
async def settings_of_the_machine_cannot_be_written(ground: Ground) -> list[str]:
    """A setting is written with the value that it has; others are opened for writing."""
    return await ground.got(
        REWRITE
        + """
attempt("swappiness", lambda: rewrite("/proc/sys/vm/swappiness"))
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper"):
    attempt(path, lambda: os.close(os.open(path, os.O_WRONLY)))
end()
"""
    )


@attack(None, "sysctl_mount", docker=("sysctl_mount", "unprivileged_uid"))
async def settings_of_its_own_namespaces_cannot_be_written(ground: Ground) -> list[str]:
    """Linux 6.14 and newer give whoever makes a process namespace the largest process id in it."""
    return await ground.got(
        REWRITE
        + """
for path in ("kernel/pid_max", "net/ipv4/ip_forward", "user/max_user_namespaces", "kernel/hostname"):
    attempt(path, lambda: rewrite("/proc/sys/" + path))
end()
"""
    )


@attack(21, "read_only_system", "unprivileged_uid", user=KERNEL, docker=("remount_read_only", "unprivileged_uid"))
async def the_system_cannot_be_written(ground: Ground) -> list[str]:
    """A file without a name is made in each folder of the system."""
    return await ground.got("""
for folder in ("/usr", "/usr/bin", "/usr/lib", "/usr/local/bin", "/bin", "/lib", "/etc/alternatives"):
    attempt(folder, lambda: os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)))
end()
""")


@attack(22, "mount_namespace")
async def no_path_leads_to_a_file_of_the_host(ground: Ground) -> list[str]:
    """`..` and absolute paths, to a folder in which anybody may write."""
    name = secrets.token_hex(8)
    target = ground.folder / name
    await ground.got(
        """
for path in (sys.argv[1], "../../../.." + sys.argv[1], "/proc/self/root" + sys.argv[1], "/tmp/.." + sys.argv[1]):
    attempt(path, lambda: open(path, "w").write("x"))
end()
""",
        str(target),
    )
    written = target.exists()
    target.unlink(missing_ok=True)
    return unless(not written, "a file of the host was written")


@attack(30, "closed_descriptors", docker=ENGINE)
async def only_three_descriptors_are_open(ground: Ground) -> list[str]:
    """A descriptor of the driver's that would be inherited is not."""
    opened = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(opened, True)
    try:
        return await ground.got("""
# The listing's own descriptor is in the list, and closed by the time that one asks for it.
for name in os.listdir("/proc/self/fd"):
    if int(name) > 2:
        attempt(f"descriptor {name}", lambda: os.fstat(int(name)))
end()
""")
    finally:
        os.close(opened)


@attack(39, "read_only_inputs", "unprivileged_uid", user=("read_only_inputs",))
async def inputs_can_be_neither_written_nor_replaced(ground: Ground) -> list[str]:
    """The harness that measures a program is among its inputs: it is written, moved, removed, and put in another's place."""
    files = {
        "run.py": await ground.artifacts.put(b"1"),
        "pkg/deep/harness.py": await ground.artifacts.put(b"2"),
    }
    return await ground.got(
        """
import shutil
attempt("open for writing", lambda: open("run.py", "r+"))
attempt("remove", lambda: os.remove("run.py"))
attempt("rename", lambda: os.rename("run.py", "x"))
attempt("rename the folder", lambda: os.rename("pkg", "old"))
attempt("rename the inner folder", lambda: os.rename("pkg/deep", "pkg/old"))
attempt("change the mode", lambda: os.chmod("pkg", 0o777))
attempt("add a file", lambda: open("pkg/deep/new", "w"))
os.mkdir("mine")
attempt("replace", lambda: os.rename("mine", "pkg"))
end()
""",
        files=files,
    )


@attack(None, "mount_namespace")
async def devices_of_the_machine_are_not_there(ground: Ground) -> list[str]:
    """Disks, memory and the kernel's log are no files in the sandbox; neither is the host's temporary folder."""
    bait = ground.folder / f"bait-{secrets.token_hex(4)}"
    bait.write_text("x")
    bait.chmod(0o644)
    try:
        return await ground.got(
            """
for name in os.listdir("/dev"):
    if name not in ("null zero full random urandom tty console pts ptmx shm fd stdin stdout stderr core mqueue").split():
        got.append(name)
for path in ("/dev/mem", "/dev/kmsg", "/proc/kcore", "/proc/kmsg", "/sys/kernel/debug/sched", *sys.argv[1:]):
    attempt(path, lambda: os.close(os.open(path, os.O_RDONLY)))
end()
""",
            str(bait),
        )
    finally:
        bait.unlink()
