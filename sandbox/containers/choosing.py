"""Which of the files that a container lists are outputs: the collector's rules, on names and kinds alone."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from peercycle.core.sandboxing import Limits
from peercycle.sandbox.collect import MAX_DEPTH, MAX_NAME, MAX_OUTPUTS, MAX_REFUSALS
from peercycle.sandbox.containers.weakening import Weakening
from peercycle.sandbox.globs import is_literal, matches

Entry = tuple[bytes, int, int, int]
"""Path, mode, number of names, size: as a container says."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to fetch, by its place in the list, and what not, each with the reason."""

    numbers: tuple[int, ...]
    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    refused: tuple[str, ...]


def choose(
    entries: Sequence[Entry],
    patterns: Sequence[str],
    inputs: Sequence[str],
    limits: Limits,
    without: Weakening = frozenset(),
) -> Choice:
    """Return the declared outputs: regular files of one name, within the limits, whose name is printable text."""
    split = [tuple(pattern.split("/")) for pattern in patterns]
    chosen: list[tuple[int, str, int]] = []
    refused: list[str] = []
    if len(entries) > limits.files + len(inputs):
        refused.append(f"more than {limits.files} entries: the rest was not looked at")
    room = sys.maxsize if "collector_caps" in without else limits.disk_mb << 20
    for number, (raw, mode, links, size) in sorted(enumerate(entries), key=lambda item: item[1][0]):
        path = os.fsdecode(raw)
        parts = tuple(path.split("/"))
        if parts[0] in inputs or stat.S_ISDIR(mode) or not any(matches(parts, pattern) for pattern in split):
            continue
        reason = _reason(path, mode, links, size, room, without)
        if reason is None and len(chosen) >= MAX_OUTPUTS and "collector_caps" not in without:
            reason = f"more than {MAX_OUTPUTS} outputs"
        if reason is None:
            room -= size
            chosen.append((number, path, size))
        else:
            refused.append(f"{shown(path)}: {reason}")
    refused += _literals(entries, patterns, inputs)
    numbers, paths, sizes = zip(*chosen, strict=True) if chosen else ((), (), ())
    return Choice(numbers, paths, sizes, tuple(refused))


def _reason(path: str, mode: int, links: int, size: int, room: int, without: Weakening) -> str | None:
    parts = path.split("/")
    plain = path.isprintable() or "collector_names" in without
    if not plain or any(len(os.fsencode(part)) > MAX_NAME for part in parts):
        return "its name is not printable text"
    if any(part in ("", ".", "..") for part in parts):
        return "its name leads out of its folder"
    if len(parts) > MAX_DEPTH:
        return f"more than {MAX_DEPTH} folders deep"
    if "collector_regular" in without:
        return None
    if stat.S_ISLNK(mode):
        return "a symbolic link, or behind one"
    if not stat.S_ISREG(mode):
        return "not a regular file"
    if links != 1:
        return "it has more than one name (a hard link)"
    if not 0 <= size <= room:
        return f"{size} bytes are over what may be collected"
    return None


def _literals(entries: Sequence[Entry], patterns: Sequence[str], inputs: Sequence[str]) -> list[str]:
    """Say what became of a file that was named outright and is a folder, or lies behind a link."""
    kinds = {os.fsdecode(raw): mode for raw, mode, _, _ in entries}
    said = []
    for pattern in filter(is_literal, patterns):
        parts = pattern.split("/")
        if parts[0] in inputs:
            continue
        if stat.S_ISDIR(kinds.get(pattern, 0)):
            said.append(f"{shown(pattern)}: a folder")
        elif any(stat.S_ISLNK(kinds.get("/".join(parts[:depth]), 0)) for depth in range(1, len(parts))):
            said.append(f"{shown(pattern)}: a symbolic link, or behind one")
    return said


def shown(path: str) -> str:
    """Return a name such that no terminal and no log line is misled by it."""
    plain = path if path.isprintable() else ascii(path)[1:-1]
    return plain if len(plain) <= 200 else f"{plain[:200]}…"


def listed(refused: Sequence[str]) -> tuple[str, ...]:
    """Return refusals, the first ones by name and the rest by number."""
    if len(refused) <= MAX_REFUSALS:
        return tuple(refused)
    return (*refused[:MAX_REFUSALS], f"and {len(refused) - MAX_REFUSALS} more")
