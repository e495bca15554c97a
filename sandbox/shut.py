"""What a program has shut to itself, opened again by its owner: an ordinary user's program is shut to its driver too."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from peercycle.sandbox.openat2 import open_beneath

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_HANDLE = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST_AND_LOOK = 0o500


def open_root(path: Path) -> int:
    """Open the folder that a program worked in, as `open_folder` does."""
    try:
        opened = os.open(path, FOLDER)
    except PermissionError:
        path.chmod(0o700)
        opened = os.open(path, FOLDER)
    keep_open(opened)
    return opened


def open_folder(parent: int, name: str) -> int:
    """Open a folder in an open one, such that it can be listed and what it lists be looked at; no link is followed.

    Raises `OSError`: `PermissionError` where it stays shut, for a program may shut it again meanwhile.
    """
    try:
        opened = os.open(name, FOLDER, dir_fd=parent)
    except PermissionError:
        handle = os.open(name, _HANDLE | os.O_DIRECTORY, dir_fd=parent)
        try:
            _open_up(handle, 0o700)
        finally:
            os.close(handle)
        opened = os.open(name, FOLDER, dir_fd=parent)
    keep_open(opened)
    return opened


def keep_open(folder: int) -> None:
    """Let its owner look again at what an open folder lists, where that was shut."""
    status = os.fstat(folder)
    if status.st_uid == os.geteuid() and status.st_mode & _LIST_AND_LOOK != _LIST_AND_LOOK:
        os.fchmod(folder, 0o700)


def open_file(directory: int, path: str) -> int:
    """Open a file below an open folder for reading, as `open_beneath` does, also one that its owner may not read."""
    try:
        return open_beneath(directory, path)
    except PermissionError:
        handle = open_beneath(directory, path, os.O_PATH)
        try:
            status = os.fstat(handle)
            # A file of another name too is not collected, whoever may read it.
            if stat.S_ISREG(status.st_mode):
                _open_up(handle, 0o600)
        finally:
            os.close(handle)
        return open_beneath(directory, path)


def _open_up(handle: int, mode: int) -> None:
    # By descriptor: a name could lead elsewhere by now, and `chmod` follows links.
    os.chmod(f"/proc/self/fd/{handle}", mode)  # noqa: PTH101
