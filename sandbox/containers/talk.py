"""What is said between the driver and process 1 of a container, over the connection that the daemon attaches."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any

from peercycle.core.errors import SandboxError

LONGEST_FRAME = 8 << 20
_KINDS = b"!boextlfnd"
_COMPLAINT = 4000


class Line:
    """One attached connection. What comes in was sent by a container: it is parsed, and believed no further."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.complaint = b""
        """The end of what process 1 wrote on its standard error, such as that there is no Python."""
        self.over = False
        self._raw = bytearray()
        self._frames = bytearray()

    def say(self, document: dict[str, Any], timeout_s: float = 10.0) -> None:
        """Send a document. Raises `OSError` where the container is gone or does not listen."""
        body = json.dumps(document).encode()
        self.connection.settimeout(timeout_s)
        self.connection.sendall(struct.pack(">I", len(body)) + body)

    def take(self) -> None:
        """Read what there is, without waiting."""
        self.connection.setblocking(False)
        try:
            data = self.connection.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.over = not data
        self._raw += data
        while len(self._raw) >= 8:
            stream, length = self._raw[0], struct.unpack(">I", self._raw[4:8])[0]
            if length > LONGEST_FRAME or stream > 2:
                raise SandboxError(f"Docker's stream makes no sense: a piece of {length} bytes on stream {stream}")
            if len(self._raw) < 8 + length:
                break
            piece = self._raw[8 : 8 + length]
            del self._raw[: 8 + length]
            if stream == 2:
                self.complaint = (self.complaint + piece)[-_COMPLAINT:]
            else:
                self._frames += piece

    def frames(self) -> Iterator[tuple[str, bytes]]:
        """Yield the frames that are whole."""
        while len(self._frames) >= 5:
            kind, length = self._frames[:1], struct.unpack(">I", self._frames[1:5])[0]
            if kind not in _KINDS or length > LONGEST_FRAME:
                raise SandboxError(f"process 1 of a container sent what makes no sense: {bytes(self._frames[:5])!r}")
            if len(self._frames) < 5 + length:
                return
            body = bytes(self._frames[5 : 5 + length])
            del self._frames[: 5 + length]
            yield kind.decode(), body

    def close(self) -> None:
        """Hang up: process 1 ends at that."""
        self.connection.close()
