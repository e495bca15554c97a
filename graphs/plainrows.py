"""What a row of the checkpoints may hold: JSON, and LangGraph's own words for sends and questions."""

from __future__ import annotations

from typing import Any

import ormsgpack
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

ENCODINGS = frozenset({"null", "msgpack"})
"""What we write. LangGraph reads further ones, of which `json` may build objects and look up secrets."""

WORDS = frozenset({("langgraph.types", "Send"), ("langgraph.types", "Interrupt")})
"""The only types that are rebuilt from a row."""


class PlainRows(JsonPlusSerializer):
    """LangGraph's serializer, which by default calls what a row names; here such a row is an error.

    Its strict mode would go on with the argument of the call as the value of the state.
    """

    def __init__(self) -> None:
        super().__init__(allowed_msgpack_modules=[])

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return a row's value. Raises `ValueError` for one that we cannot have written; nothing of it is run."""
        encoding, body = data
        if encoding not in ENCODINGS:
            raise ValueError(f"a row is encoded as {encoding!r}, which peercycle never writes")
        if encoding == "msgpack":
            require_plain(body)
        return super().loads_typed(data)


def require_plain(body: bytes) -> None:
    """Raise `ValueError` where a packed value names a type or a function that is none of `WORDS`."""
    named: list[str] = []

    def look(code: int, packed: bytes) -> None:
        parts = ormsgpack.unpackb(packed, ext_hook=look, option=ormsgpack.OPT_NON_STR_KEYS)
        if not isinstance(parts, list | tuple) or tuple(parts[:2]) not in WORDS:
            named.append(_named(code, parts))

    ormsgpack.unpackb(body, ext_hook=look, option=ormsgpack.OPT_NON_STR_KEYS)
    if named:
        raise ValueError(f"a row would call {named[0]}; nothing was called")


def _named(code: int, parts: object) -> str:
    if isinstance(parts, list | tuple) and len(parts) >= 2:
        return repr(".".join(str(part) for part in parts[:2])[:80])
    return f"an extension of kind {code}"
