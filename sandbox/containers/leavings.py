"""What leaves a container: frames on its standard output, and the files that the program left, link by link refused.

Runs inside, as text before `warden`; the standard library only. What it sends is believed no more than the program
itself: the driver checks every name, size and count again.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_PLAN = 8 << 20
CHUNK = 1 << 16
WORK = "/work"
MAX_DEPTH = 64
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def send(kind: bytes, payload: bytes = b"") -> None:
    """Write one frame, whole."""
    rest = memoryview(kind + struct.pack(">I", len(payload)) + payload)
    while rest:
        rest = rest[os.write(1, rest) :]


def receive() -> Any:
    """Read one document from the driver, and end with it when it is gone."""
    (length,) = struct.unpack(">I", exactly(4))
    if length > LONGEST_PLAN:
        sys.exit(3)
    return json.loads(exactly(length))


def exactly(count: int) -> bytes:
    """Read so many bytes from the driver."""
    data = b""
    while len(data) < count:
        piece = os.read(0, count - len(data))
        if not piece:
            sys.exit(3)
        data += piece
    return data


def entries(most: int) -> list[list[Any]]:
    """Return what lies in the working directory: path, kind and permissions, links, size. Links are not followed."""
    found: list[list[Any]] = []
    # A folder that the program shut to itself is shut to this process, its own user, too; nobody else is left here.
    os.chmod(WORK, 0o700)  # noqa: PTH101
    device = os.stat(WORK).st_dev  # noqa: PTH116  # pathlib costs a tenth of the start
    waiting: list[list[bytes]] = [[]]
    while waiting:
        parts = waiting.pop()
        try:
            folder = opened_folder(parts)
        except OSError:
            continue
        try:
            for name in sorted(os.fsencode(name) for name in os.listdir(folder)):  # noqa: PTH208
                seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
                inside = [*parts, name]
                # What is mounted here was given to the program, and is not its own.
                mode = seen.st_mode if seen.st_dev == device else 0
                found.append([base64.b64encode(b"/".join(inside)).decode(), mode, seen.st_nlink, seen.st_size])
                if len(found) > most:
                    return found
                if stat.S_ISDIR(mode) and len(inside) < MAX_DEPTH:
                    os.chmod(name, 0o700, dir_fd=folder)
                    waiting.append(inside)
        finally:
            os.close(folder)
    return found


def opened_folder(parts: list[bytes]) -> int:
    """Open a folder below the working directory, step by step."""
    folder = os.open(WORK, OPEN | os.O_DIRECTORY)
    for part in parts:
        try:
            inner = os.open(part, OPEN | os.O_DIRECTORY, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def fetch(path: bytes, size: int) -> None:
    """Send a regular file of one name, found without following a link."""
    *parents, name = path.split(b"/")
    try:
        folder = opened_folder(parents)
        try:
            if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                # One that the program shut to itself is shut to this process too.
                os.chmod(name, 0o600, dir_fd=folder)
            opened = os.open(name, OPEN, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(opened, "rb", buffering=0) as body:
            seen = os.fstat(opened)
            if stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1:
                while size > 0 and (data := body.read(min(CHUNK, size))):
                    size -= len(data)
                    send(b"f", data)
    except OSError as error:
        send(b"n", os.strerror(error.errno or 0).encode())
        return
    send(b"n")


def answer(found: list[list[Any]]) -> None:
    """Send the list of what was left, then the files that the driver asks for, until it hangs up."""
    for at in range(0, len(found), 500):
        send(b"t", json.dumps(found[at : at + 500]).encode())
    send(b"l")
    while True:
        asked = receive()
        if "fetch" not in asked:
            # A sign of life, or word to stop, that was on its way when the program ended.
            continue
        for number in asked["fetch"]:
            path, _, _, size = found[number]
            fetch(base64.b64decode(path), size)
        send(b"d")
