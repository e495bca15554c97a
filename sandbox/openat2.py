"""Opening a file below a directory such that no name can lead out of it."""

from __future__ import annotations

import ctypes
import os

OPENAT2 = 437
"""Number of the system call on every architecture (Linux 5.6)."""
NO_XDEV, NO_MAGICLINKS, NO_SYMLINKS, BENEATH = 0x01, 0x02, 0x04, 0x08
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_HOLDING = os.O_NOFOLLOW | os.O_CLOEXEC
"""All that the system call takes beside `O_PATH`."""


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def open_beneath(directory: int, path: str, flags: int = 0) -> int:
    """Open a path below an open directory for reading: no link on the way, no other device, nothing outside.

    It never blocks, on a pipe either. With `O_PATH` it is not opened, only held. Raises `OSError`: ELOOP for a link,
    EXDEV for a way out.
    """
    how = _OpenHow(
        flags | (_HOLDING if flags & os.O_PATH else _FLAGS), 0, NO_XDEV | NO_MAGICLINKS | NO_SYMLINKS | BENEATH
    )
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    opened = libc.syscall(
        ctypes.c_long(OPENAT2),
        ctypes.c_int(directory),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if opened < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return int(opened)
