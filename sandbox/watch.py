"""Measuring what a program has written, without trusting a name of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from peercycle.sandbox.shut import keep_open, open_folder

MAX_DEPTH = 64
"""Folders below the working directory, one in the other; more is a breach, for no path could reach them."""


@dataclass(frozen=True, slots=True)
class TreeUse:
    """What a tree holds; `breach` says why it could not be measured to the end."""

    bytes: int
    entries: int
    breach: str | None = None


def measure(directory: int, *, max_bytes: int, max_entries: int) -> TreeUse:
    """Return the disk space and entries below an open directory, and stop as soon as either is too much.

    It descends by descriptor, one per level, so that neither a deep path nor a link misleads it. A folder that its
    owner has shut is opened again.
    """
    keep_open(directory)
    used = entries = 0
    linked: set[int] = set()
    stack = [(os.dup(directory), _names(directory))]
    try:
        while stack:
            parent, names = stack[-1]
            if not names:
                os.close(stack.pop()[0])
                continue
            name = names.pop()
            entries += 1
            try:
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError:
                continue
            except PermissionError:
                return TreeUse(used, entries, "a folder cannot be looked into")
            used += _space(status, linked)
            if used > max_bytes or entries > max_entries:
                return TreeUse(used, entries)
            if stat.S_ISDIR(status.st_mode):
                if len(stack) > MAX_DEPTH:
                    return TreeUse(used, entries, f"folders are nested more than {MAX_DEPTH} deep")
                try:
                    inner = open_folder(parent, name)
                except PermissionError:
                    return TreeUse(used, entries, "a folder cannot be read")
                except OSError:
                    continue  # gone, or another kind of thing by now
                stack.append((inner, _names(inner)))
                # A flat folder of a million names is a breach before its names are looked at one by one.
                if entries + len(stack[-1][1]) > max_entries:
                    return TreeUse(used, entries + len(stack[-1][1]))
    finally:
        for opened, _ in stack:
            os.close(opened)
    return TreeUse(used, entries)


def _space(status: os.stat_result, linked: set[int]) -> int:
    """Return what a name adds to the space: a file of many names takes it once. All lie in one file system."""
    if status.st_ino in linked:
        return 0
    if status.st_nlink > 1:
        linked.add(status.st_ino)
    return status.st_blocks * 512


def _names(directory: int) -> list[str]:
    return os.listdir(directory)
