"""The way out of the sandbox: regular files that were declared, read by descriptor, and nothing else."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.contracts import ArtifactStore
from peercycle.core.sandboxing import Limits, OutputFile
from peercycle.sandbox.globs import check_patterns, is_literal, matches
from peercycle.sandbox.openat2 import open_beneath
from peercycle.sandbox.protections import Weakening
from peercycle.sandbox.shut import open_file, open_folder, open_root

MAX_DEPTH = 32
MAX_OUTPUTS = 1000
MAX_NAME = 255
MAX_REFUSALS = 50
"""Refusals listed one by one; the rest are counted."""

__all__ = ["check_patterns", "collect"]


@dataclass(frozen=True, slots=True)
class _Found:
    parts: tuple[str, ...]

    @property
    def path(self) -> str:
        return "/".join(self.parts)


async def collect(
    work: Path,
    patterns: Sequence[str],
    inputs: Sequence[str],
    limits: Limits,
    artifacts: ArtifactStore,
    without: Weakening = frozenset(),
) -> tuple[tuple[OutputFile, ...], tuple[str, ...]]:
    """Put the declared outputs into `artifacts`; return them, and those refused, each with the reason.

    Files at or below an input are not outputs. A name that is not printable text is refused and shown escaped. What
    the program shut to itself is collected all the same.
    """
    if not patterns:
        return (), ()
    directory = open_root(work)
    try:
        most = sys.maxsize if "collector_caps" in without else limits.files
        candidates, refused = await asyncio.to_thread(_candidates, directory, patterns, inputs, most)
        outputs: list[OutputFile] = []
        room = sys.maxsize if "collector_caps" in without else limits.disk_mb << 20
        for found in candidates:
            body = await asyncio.to_thread(_body, directory, work, found, room, without)
            if isinstance(body, str):
                refused.append(f"{_shown(found.path)}: {body}")
            elif len(outputs) >= MAX_OUTPUTS and "collector_caps" not in without:
                refused.append(f"{_shown(found.path)}: more than {MAX_OUTPUTS} outputs")
            else:
                room -= len(body)
                ref = await artifacts.put(body, name=found.path)
                outputs.append(OutputFile(path=found.path, size=len(body), artifact=ref))
    finally:
        os.close(directory)
    return tuple(outputs), _listed(refused)


def _candidates(
    directory: int, patterns: Sequence[str], inputs: Sequence[str], most: int
) -> tuple[list[_Found], list[str]]:
    refused: list[str] = []
    split = [tuple(pattern.split("/")) for pattern in patterns]
    found: list[_Found] = []
    seen = 0
    for parts, is_folder in _walk(directory, refused):
        seen += 1
        if seen > most + len(inputs):
            refused.append(f"more than {most} entries: the rest was not looked at")
            break
        if parts[0] in inputs or is_folder or not any(matches(parts, pattern) for pattern in split):
            continue
        found.append(_Found(parts))
    # A named file behind a link is never walked to; say so instead of leaving it out.
    named = {item.path for item in found}
    for pattern, parts in zip(patterns, split, strict=True):
        if is_literal(pattern) and pattern not in named and parts[0] not in inputs:
            reason = _why_not(directory, pattern)
            if reason is not None:
                refused.append(f"{_shown(pattern)}: {reason}")
    return sorted(found, key=lambda item: os.fsencode(item.path)), refused


def _why_not(directory: int, path: str) -> str | None:
    try:
        opened = open_beneath(directory, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _reason(error)
    try:
        return "a folder" if stat.S_ISDIR(os.fstat(opened).st_mode) else None
    finally:
        os.close(opened)


def _walk(directory: int, refused: list[str]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield every entry below a directory, in order of name, and whether it is a folder; links are not followed."""
    stack: list[tuple[int, tuple[str, ...], list[str]]] = [(os.dup(directory), (), _names(directory))]
    try:
        while stack:
            parent, parts, names = stack[-1]
            if not names:
                os.close(stack.pop()[0])
                continue
            name = names.pop()
            inside = (*parts, name)
            try:
                mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
            except OSError:
                continue
            yield inside, stat.S_ISDIR(mode)
            if not stat.S_ISDIR(mode):
                continue
            if len(inside) >= MAX_DEPTH:
                refused.append(f"{_shown('/'.join(inside))}: more than {MAX_DEPTH} folders deep")
                continue
            try:
                inner = open_folder(parent, name)
            except OSError as error:
                refused.append(f"{_shown('/'.join(inside))}: {_reason(error)}")
                continue
            stack.append((inner, inside, _names(inner)))
    finally:
        for opened, _, _ in stack:
            os.close(opened)


def _names(directory: int) -> list[str]:
    return sorted(os.listdir(directory), key=os.fsencode, reverse=True)


def _body(directory: int, work: Path, found: _Found, room: int, without: Weakening) -> bytes | str:
    """Return a file's bytes, or why they are not taken."""
    if not _plain(found.path) and "collector_names" not in without:
        return "its name is not printable text"
    try:
        if "collector_beneath" in without:
            opened = os.open(work / found.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        else:
            opened = open_file(directory, found.path)
    except OSError as error:
        return _reason(error)
    try:
        status = os.fstat(opened)
        if "collector_regular" in without and not stat.S_ISDIR(status.st_mode):
            return os.read(opened, min(room, 1 << 24))
        if not stat.S_ISREG(status.st_mode):
            return "not a regular file"
        if status.st_nlink != 1:
            return "it has more than one name (a hard link)"
        if status.st_size > room:
            return f"{status.st_size} bytes are over what may be collected"
        with os.fdopen(os.dup(opened), "rb") as reader:
            return reader.read(status.st_size)
    finally:
        os.close(opened)


def _plain(path: str) -> bool:
    return path.isprintable() and all(len(os.fsencode(part)) <= MAX_NAME for part in path.split("/"))


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a symbolic link, or behind one"
    if error.errno == errno.EXDEV:
        return "on another device or outside the working directory"
    if error.errno == errno.ENXIO:
        return "not a regular file"
    return error.strerror or type(error).__name__


def _shown(path: str) -> str:
    """Return a name such that no terminal and no log line is misled by it."""
    shown = path if path.isprintable() else ascii(path)[1:-1]
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def _listed(refused: list[str]) -> tuple[str, ...]:
    if len(refused) <= MAX_REFUSALS:
        return tuple(refused)
    return (*refused[:MAX_REFUSALS], f"and {len(refused) - MAX_REFUSALS} more")
