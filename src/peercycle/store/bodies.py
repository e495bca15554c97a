"""Texts that are too long for a table: they go to the artifact store, and their reference into the row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peercycle.core.base import canonical_json
from peercycle.core.errors import StoreError
from peercycle.core.journal import ArtifactStore, Row

INLINE_BYTES = 8192
"""A text of more bytes than this is kept outside the row."""

_REF = "_ref"


@dataclass(frozen=True, slots=True)
class Body:
    """A text in its row, or the reference under which it lies in the artifact store."""

    text: str | None = None
    ref: str | None = None


def fits_a_row(text: str) -> bool:
    """Whether a text is kept in its row."""
    return len(text) <= INLINE_BYTES and (text.isascii() or len(text.encode()) <= INLINE_BYTES)


async def lay(artifacts: ArtifactStore, text: str | None, name: str, media_type: str = "application/json") -> Body:
    """Return the body of a row's column, after storing it outside the row where it is long."""
    if text is None:
        return Body()
    if fits_a_row(text):
        return Body(text=text)
    return Body(ref=await artifacts.put(text.encode(), media_type=media_type, name=name))


async def fetch(artifacts: ArtifactStore, text: str | None, ref: str | None) -> str | None:
    """Return a body whole, wherever it lies. Raises `DamagedRunError`."""
    return text if ref is None else (await artifacts.get(ref)).decode()


async def whole(artifacts: ArtifactStore, row: Mapping[str, Any]) -> Row:
    """Return a row with every long column filled in, and without the columns that held references to them."""
    full = {name: value for name, value in row.items() if not (name.endswith(_REF) and name[: -len(_REF)] in row)}
    for name in full:
        ref = row.get(name + _REF)
        if ref is not None:
            full[name] = await fetch(artifacts, None, ref)
    return full


def json_text(value: object, what: str) -> str:
    """Return canonical JSON as text that SQLite can hold. Raises `StoreError` where `value` is not JSON."""
    try:
        return canonical_json(value).decode()
    except (TypeError, ValueError, RecursionError):
        pass
    try:
        # Half of a surrogate pair, which models do emit, has no UTF-8: JSON's own escape keeps it exactly.
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"{what} cannot be kept: it is not JSON ({error})") from error


def plain_text(text: str) -> str:
    """Return a text for people to read, in which a half of a surrogate pair is shown by its escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def plain_text_or_none(text: str | None) -> str | None:
    """Return `plain_text`, or None for None."""
    return None if text is None else plain_text(text)
