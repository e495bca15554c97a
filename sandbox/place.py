"""Where one execution lives on the disk: its working directory, its inputs, and the label of who owns it."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.sandbox.processes import start_time
from peercycle.sandbox.profile import ETC

EXECUTIONS = "executions"
NEW = ".new-"
BAIT = "canary-"
"""How the files begin that a probe lays out beside the executions; then whose they are, as an execution's name."""
_STALE_S = 3600.0
_MAX_PATH = 1000
_MAX_NAME = 255
MAX_TOP_LEVEL = 500
NOTHING_LENT: Mapping[str, Path] = {}


@dataclass(slots=True)
class Place:
    """An execution's directory. The lock on it lasts as long as its driver."""

    execution: str
    root: Path
    top_level: tuple[str, ...]
    """First path components of the inputs: read-only in the working directory."""
    _lock: int

    @property
    def work(self) -> Path:
        """The working directory, writable by the program alone."""
        return self.root / "work"

    @property
    def inputs(self) -> Path:
        """Holds what is mounted read-only."""
        return self.root / "inputs"

    def remove(self) -> None:
        """Remove the directory and give up the lock. Raises `SandboxError` where something stays."""
        try:
            remove_tree(self.root)
        finally:
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1


def new_execution() -> str:
    """Return a name for an execution: the driver's process and when it began, and a random part."""
    pid = os.getpid()
    return f"{pid}-{start_time(pid)}-{uuid.uuid4().hex[:12]}"


def make(state: Path, execution: str, owner: Mapping[str, object]) -> Place:
    """Make and lock an execution's directory. It gets its name only once it is locked and labelled."""
    executions = state / EXECUTIONS
    try:
        executions.mkdir(parents=True, exist_ok=True)
        _traversable(executions)
        fresh = executions / f"{NEW}{execution}"
        fresh.mkdir(mode=0o711)
        fresh.chmod(0o711)
        lock = os.open(fresh / "owner.json", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(lock, json.dumps({"execution": execution, "driver": os.getpid(), **owner}).encode())
        fresh.rename(executions / execution)
    except OSError as error:
        raise SandboxError(f"cannot make an execution in {str(executions)!r} ({error.strerror})") from error
    return Place(execution, executions / execution, (), lock)


def fill(place: Place, uid: int | None, files: Mapping[str, bytes], lent: Mapping[str, Path] = NOTHING_LENT) -> None:
    """Make the working directory, write the inputs, and lay what files and folders that are lent are mounted on.

    Raises `RefusedRequestError` (a bad path), `SandboxError` (a full disk).
    """
    paths = check_paths([*files, *lent])
    place.top_level = tuple(sorted({path.parts[0] for path in paths.values()}))
    if len(place.top_level) > MAX_TOP_LEVEL:
        raise RefusedRequestError(
            f"{len(place.top_level)} inputs side by side: put them into folders (at most {MAX_TOP_LEVEL})"
        )
    try:
        place.work.mkdir(mode=0o700)
        place.inputs.mkdir(mode=0o755)
        place.inputs.chmod(0o755)
        for name, path in paths.items():
            if name in lent and lent[name].is_dir():
                (place.inputs / path).mkdir(parents=True)
            else:
                _write(place.inputs / path, place.inputs, files.get(name, b""))
        for name in place.top_level:
            # What the read-only mount lies on. A mount point can be neither removed nor renamed.
            if (place.inputs / name).is_dir():
                (place.work / name).mkdir()
            else:
                (place.work / name).touch()
        if uid is not None:
            os.chown(place.work, uid, uid)
    except OSError as error:
        raise SandboxError(f"cannot lay out an execution in {str(place.root)!r}: {error}") from error


def check_paths(names: Iterable[str]) -> dict[str, PurePosixPath]:
    """Return input names as paths. Raises `RefusedRequestError` for one that leaves the directory or clashes."""
    paths: dict[str, PurePosixPath] = {}
    for name in names:
        path = PurePosixPath(name)
        plain = name and name.isprintable() and str(path) == name
        if not plain or path.is_absolute() or ".." in path.parts or name == ".":
            raise RefusedRequestError(
                f"input path {name[:_MAX_PATH]!r} must be a plain relative path such as 'src/run.py'"
            )
        if len(os.fsencode(name)) > _MAX_PATH or any(len(os.fsencode(part)) > _MAX_NAME for part in path.parts):
            raise RefusedRequestError(
                f"input path {name[:_MAX_NAME]!r} is too long: {_MAX_PATH} bytes, and {_MAX_NAME} for each name in it"
            )
        if name in paths:
            raise RefusedRequestError(f"two inputs are to lie at {name!r}: rename one")
        paths[name] = path
    folders = {parent for path in paths.values() for parent in path.parents}
    for path in paths.values():
        if path in folders:
            raise RefusedRequestError(f"input path {str(path)!r} is a file and a folder at once: rename one")
    return paths


def _write(target: Path, top: Path, body: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in target.parents:
        if folder == top:
            break
        folder.chmod(0o755)
    target.write_bytes(body)
    target.chmod(0o444)


def etc_folder(state: Path) -> Path:
    """Return the folder of synthetic files for /etc, written on first use."""
    folder = state / "etc"
    folder.mkdir(parents=True, exist_ok=True)
    _traversable(folder)
    for name, text in ETC.items():
        target = folder / name
        try:
            if target.read_text() == text:
                continue
        except OSError:
            pass
        fresh = folder / f"{NEW}{uuid.uuid4().hex}"
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.rename(target)
    return folder


def _traversable(folder: Path) -> None:
    """As root, let the unprivileged user pass through a folder of ours, whatever the umask was."""
    if os.geteuid() == 0:
        for each in (folder, folder.parent):
            if each.stat().st_uid == 0 and each.stat().st_mode & 0o011 != 0o011:
                each.chmod(each.stat().st_mode | 0o011)


def remove_tree(root: Path) -> None:
    """Remove a tree that hostile code has shaped, however deep and whatever its modes.

    By `rm`, which descends by descriptor and without recursion. Raises `SandboxError` where something stays.
    """
    _rm(root)
    if root.exists():
        # Folders that the program closed to itself, and so to us where it ran as us.
        subprocess.run(["chmod", "-R", "u+rwx", "--", str(root)], stderr=subprocess.DEVNULL, check=False)
        done = _rm(root)
        if root.exists():
            raise SandboxError(f"cannot remove {str(root)!r} ({done}): remove it by hand")


def _rm(root: Path) -> str:
    done = subprocess.run(
        ["rm", "-rf", "--one-file-system", "--", str(root)],
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.stderr.decode("utf-8", "replace").strip()[:200]


@dataclass(frozen=True, slots=True)
class Leftover:
    """An execution whose driver is dead."""

    execution: str
    root: Path
    cgroups: tuple[Path, ...]


def leftovers(state: Path) -> list[Leftover]:
    """Return the executions that nobody holds any more."""
    executions = state / EXECUTIONS
    if not executions.is_dir():
        return []
    found = []
    for root in sorted(executions.iterdir()):
        if root.name.startswith(NEW):
            if _unfinished(root):
                found.append(Leftover(root.name.removeprefix(NEW), root, ()))
            continue
        record = _unowned(root)
        if record is not None:
            groups = record.get("cgroups", [])
            paths = tuple(Path(str(group)) for group in groups) if isinstance(groups, list) else ()
            found.append(Leftover(root.name, root, paths))
    return found


def _unfinished(root: Path) -> bool:
    """Whether the driver died while it made this directory: its name says which process that was."""
    try:
        if time.time() - root.stat().st_mtime > _STALE_S:
            return True
        pid, began, _ = root.name.removeprefix(NEW).split("-")
        alive = str(start_time(int(pid))) == began
    except (OSError, ValueError):
        return False
    # A driver in a container is not in sight from here, but holds its lock.
    return not alive and (root / "owner.json").exists() and _unowned(root) is not None


def _unowned(root: Path) -> dict[str, object] | None:
    """Return the label of an execution that nobody has locked; None where its driver lives, it is gone or not ours."""
    label = root / "owner.json"
    try:
        # Whoever may write into the folder may put a pipe there, or a link to what is not for him to read.
        with os.fdopen(os.open(label, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as record:
            status = os.fstat(record.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                return None
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            loaded = json.loads(record.read() or b"{}")
            return loaded if isinstance(loaded, dict) else {}
    except BlockingIOError:
        return None
    except FileNotFoundError:
        return {} if root.is_dir() and not label.exists() else None
    except ValueError:
        return {}
    except OSError:
        return None
