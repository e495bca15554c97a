"""Keeping the head and the tail of what a program writes."""

from __future__ import annotations

from peercycle.core.sandboxing import StreamCapture


class HeadAndTail:
    """One stream: all of it up to `limit` bytes, else its first and last halves of that."""

    __slots__ = ("_head", "_limit", "_tail", "total")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        """Take what was read."""
        self.total += len(data)
        room = self._limit - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > self._limit:
            del self._tail[: -self._limit]

    @property
    def over(self) -> bool:
        """More than `limit` bytes came."""
        return self.total > self._limit

    def capture(self) -> StreamCapture:
        """Return the stream as text; bytes that are not UTF-8 become the replacement character."""
        if not self.over:
            return StreamCapture(head=_text(self._head), total_bytes=self.total)
        half = self._limit // 2
        # The head keeps all it has room for, so the bytes before the tail's first are the head's last.
        last = (self._head[half:] + self._tail)[-half:]
        return StreamCapture(head=_text(self._head[:half]), tail=_text(last), truncated=True, total_bytes=self.total)


def _text(data: bytes | bytearray) -> str:
    return bytes(data).decode("utf-8", "replace")
