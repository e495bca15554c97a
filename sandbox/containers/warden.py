"""The first process of a container: starts the program, watches it, and hands out what it left.

It is passed as text to `python3 -I -S -c` inside, after `leavings`, so it holds the standard library only. It runs
as the same unprivileged user as the program, but as process 1: no signal from inside ends it, and it lets nobody trace
it or read its memory. Whoever started it holds its standard input. When that ends, because the driver died or was
cancelled, so does process 1, and the kernel kills all others with it. It gives up by itself too, after its deadline and
when it hears nothing for a while: a dead daemon leaves its containers running, and their standard input open.

In (standard input): four bytes of length, then JSON: the plan first, then `{"stop": cause}`, `{}` as a
sign of life, `{"fetch": [numbers]}`.
Out (standard output): a letter, four bytes of length, then: `o` and `e` what the program wrote, `x` how it ended,
`b` that it began, `t` a piece of the list of what lies in the working directory, `l` its end, `f` a file's bytes,
`n` that file's end, `d` the end of the fetch; `!` that the program could not be started.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from peercycle.sandbox.containers.leavings import CHUNK, WORK, answer, entries, receive, send

PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 4, 22, 38
SECCOMP_MODE_FILTER = 2
TICK_S = 0.05
GRACE_S = 30.0
"""How long after the program's own time this process gives up, should nobody tell it to."""
DEATH_S = 10.0


class Memory:
    """What this container's control group says, version 1 or 2; zeros where it cannot be read."""

    def __init__(self) -> None:
        two = os.path.exists("/sys/fs/cgroup/memory.stat")  # noqa: PTH110  # pathlib costs a tenth of the start
        self.folder = "/sys/fs/cgroup" if two else "/sys/fs/cgroup/memory"
        self.events = "memory.events" if two else "memory.oom_control"
        self.peak_file = "memory.peak" if two else "memory.max_usage_in_bytes"
        self.counted = ("anon", "shmem") if two else ("total_rss", "total_shmem")

    def table(self, name: str) -> dict[str, int]:
        """Return a file of lines of a word and a number."""
        try:
            with open(f"{self.folder}/{name}") as lines:  # noqa: PTH123
                pairs = [line.split() for line in lines]
        except OSError:
            return {}
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}

    def held(self) -> int:
        """Return the memory that cannot be given back: of processes and of folders in memory."""
        stats = self.table("memory.stat")
        return sum(stats.get(name, 0) for name in self.counted)

    def kills(self) -> int:
        """Return how many processes the kernel has killed for want of memory."""
        return self.table(self.events).get("oom_kill", 0)

    def peak(self) -> int:
        """Return the most that was ever held, with cached files."""
        try:
            with open(f"{self.folder}/{self.peak_file}") as lines:  # noqa: PTH123
                return int(lines.read())
        except (OSError, ValueError):
            return 0


class Warden:
    """One program under watch, from inside."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.cause: str | None = None
        self.ended: int | None = None
        self.written = {b"o": 0, b"e": 0}
        self.memory = Memory()
        self.began = self.heard = 0.0
        self.entries_before = self.space()[1]
        self.next_look = 0.0

    def space(self) -> tuple[int, int]:
        """Return bytes and entries in the working directory, those without a name included."""
        seen = os.statvfs(WORK)
        return (seen.f_blocks - seen.f_bfree) * seen.f_frsize, seen.f_files - seen.f_ffree

    def run(self) -> None:
        """Run the program to its end, kill what it left, and say how it ended."""
        wake, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        child, pipes = self.start()
        poll = select.poll()
        for descriptor in (0, wake, *pipes):
            poll.register(descriptor, select.POLLIN)
        while self.cause is None and self.ended is None:
            self.turn(poll, wake, pipes)
            self.reap(child)
            self.look()
        self.kill_all(child)
        # Now that nobody else is here who could send it.
        signal.signal(signal.SIGALRM, lambda *_: os._exit(3))
        signal.alarm(int(self.plan["collect_s"]))
        self.drain(pipes)
        self.look(now=True)
        used, entries = self.space()
        self.say(used, entries - self.entries_before)

    def start(self) -> tuple[int, dict[int, bytes]]:
        """Start the program; return its id, and where it writes."""
        out, err, report = (os.pipe2(os.O_CLOEXEC) for _ in range(3))
        child = os.fork()
        if child == 0:
            self.become(out[1], err[1], report[1])
        for written in (out[1], err[1], report[1]):
            os.close(written)
        # Nothing, once the program has taken over.
        refusal = os.read(report[0], CHUNK)
        os.close(report[0])
        if refusal:
            send(b"!", refusal)
            sys.exit(4)
        send(b"b")
        self.began = self.heard = time.monotonic()
        return child, {out[0]: b"o", err[0]: b"e"}

    def become(self, out: int, err: int, report: int) -> None:
        """Give up what the program must not have, and become it."""
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            given = os.open(self.plan["stdin"], os.O_RDONLY | os.O_CLOEXEC)
            for source, target in ((given, 0), (out, 1), (err, 2)):
                os.dup2(source, target)
            os.chdir(WORK)
            prctl(PR_SET_DUMPABLE, 1)
            victim(1000)
            for name, value in self.plan["rlimits"].items():
                # At the hard limit the kernel kills, at the soft one before it says why.
                limit(getattr(resource, name), value, value + 1 if name == "RLIMIT_CPU" else value)
            if self.plan["filter"]:
                confine(base64.b64decode(self.plan["filter"]))
        except BaseException as error:  # noqa: BLE001  # nothing of this process may go on past here
            os.write(report, repr(error).encode("utf-8", "replace"))
            os._exit(120)
        argv, variables = self.plan["argv"], self.plan["variables"]
        try:
            os.execvpe(argv[0], argv, variables)  # noqa: S606  # no shell is the point
        except (OSError, ValueError) as error:
            os.write(2, f"cannot start {argv[0]!r}: {error}\n".encode("utf-8", "replace"))
        os._exit(127)

    def turn(self, poll: select.poll, wake: int, pipes: dict[int, bytes]) -> None:
        """Wait a moment for something to happen, and pass on what was written."""
        for descriptor, _ in poll.poll(TICK_S * 1000):
            if descriptor == wake:
                os.read(wake, CHUNK)
            elif descriptor == 0 and self.plan.get("outlives"):
                # A proof of what becomes of a program whose process 1 does not end with its driver.
                poll.unregister(0)
            elif descriptor == 0:
                self.heard = time.monotonic()
                if (cause := receive().get("stop")) is not None:
                    self.stop(str(cause))
            elif not self.take(descriptor, pipes[descriptor]):
                poll.unregister(descriptor)
        late = time.monotonic() > self.began + self.plan["wall_s"] + GRACE_S
        if late or time.monotonic() > self.heard + self.plan["silence_s"]:
            sys.exit(3)

    def take(self, descriptor: int, kind: bytes) -> bool:
        """Pass on what can be read now; False at the end."""
        data = os.read(descriptor, CHUNK)
        self.written[kind] += len(data)
        if data:
            send(kind, data)
        if self.written[kind] > self.plan["output_bytes"]:
            self.stop("output_limit")
        return bool(data)

    def look(self, *, now: bool = False) -> None:
        """Look at memory and disk, every so often."""
        if not now and time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + TICK_S
        used, entries = self.space()
        if self.memory.kills() or (not now and self.memory.held() - used > self.plan["memory_bytes"]):
            self.stop("oom")
        if used > self.plan["disk_bytes"] or entries - self.entries_before > self.plan["files"]:
            self.stop("disk_limit")

    def stop(self, cause: str) -> None:
        """Decide how it ended, once."""
        if self.cause is None:
            self.cause = cause

    def reap(self, child: int) -> bool:
        """Take the ends of all processes that ended, orphans too; False when none is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == child:
                self.ended = status

    def kill_all(self, child: int) -> None:
        """Kill every other process here, until none is left. Process 1 may, and is not among them."""
        end = time.monotonic() + DEATH_S
        while True:
            # contextlib costs a millisecond of every start.
            try:  # noqa: SIM105
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass
            if not self.reap(child):
                return
            if time.monotonic() > end:
                sys.exit(4)
            time.sleep(0.002)

    def drain(self, pipes: dict[int, bytes]) -> None:
        """Pass on what was written before the end: every writer is dead, so each pipe ends."""
        for descriptor, kind in pipes.items():
            while self.written[kind] <= self.plan["output_bytes"] and self.take(descriptor, kind):
                pass

    def say(self, used: int, entries: int) -> None:
        """Say how it ended."""
        assert self.ended is not None
        killed = os.WTERMSIG(self.ended) if os.WIFSIGNALED(self.ended) else None
        ending = {
            "cause": self.cause,
            "code": None if killed else os.WEXITSTATUS(self.ended),
            "signal": killed,
            "written": [self.written[b"o"], self.written[b"e"]],
            "peak": self.memory.peak(),
            "used": used,
            "entries": entries,
            "seconds": time.monotonic() - self.began,
        }
        send(b"x", json.dumps(ending).encode())


def prctl(option: int, value: int) -> None:
    """Change something about this process."""
    if LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def lay_out(plan: dict[str, Any]) -> None:
    """Make the folders that programs look for, and put prepared files into them."""
    for folder in plan["folders"]:
        os.mkdir(folder, 0o700)  # noqa: PTH102
    for source, target in plan["links"].items():
        try:
            names = os.listdir(source)  # noqa: PTH208
        except OSError:
            continue
        for name in names:
            os.symlink(f"{source}/{name}", f"{target}/{name}")  # noqa: PTH211


def victim(score: int) -> None:
    """Let the kernel kill this process before others when memory ends."""
    with open("/proc/self/oom_score_adj", "w") as setting:  # noqa: PTH123
        setting.write(str(score))


def limit(kind: int, soft: int, hard: int) -> None:
    """Lower a limit; a lower one that stands already stays."""
    most = resource.getrlimit(kind)[1]
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


class Filter(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = [("count", ctypes.c_ushort), ("rules", ctypes.c_void_p)]


def confine(program: bytes) -> None:
    """Put a system call filter on top of the container's own."""
    rules = ctypes.create_string_buffer(program, len(program))
    filters = Filter(len(program) // 8, ctypes.cast(rules, ctypes.c_void_p))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filters), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def main() -> None:
    """Do the plan, then answer what the driver asks for, until it hangs up."""
    prctl(PR_SET_DUMPABLE, 0)
    # The one signal that Python handles by itself, and so the one that the program could send.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o022)
    warden = Warden(receive())
    lay_out(warden.plan)
    warden.run()
    answer(entries(warden.plan["files"] + warden.entries_before) if warden.plan["list"] else [])


LIBC = ctypes.CDLL(None, use_errno=True)
if __name__ == "__main__":
    main()
