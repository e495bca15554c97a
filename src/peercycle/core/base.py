"""What every word of the vocabulary shares: strict, frozen models; JSON; content hashes."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

JSON = JsonValue
"""Any JSON value."""

ArtifactRef = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
"""A body in the artifact store, by the SHA-256 of its bytes: `sha256:<64 hex digits>`."""


class Word(BaseModel):
    """A value of the vocabulary: frozen, and strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Record(Word):
    """A word that reaches the disk on its own, and so carries its format's version."""

    schema_version: int = Field(default=1, ge=1, le=1)
    extra: dict[str, JSON] = {}
    """What plugins keep here, by plugin name."""


def canonical_json(value: Any) -> bytes:
    """Return the one spelling of a JSON value: sorted keys, no blanks, UTF-8, no NaN.

    Models are dumped first. Two requests are the same exactly when these bytes are.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
    ).encode("utf-8", "surrogatepass")


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def artifact_ref(data: bytes) -> str:
    """Return the reference under which `data` is stored."""
    return f"sha256:{sha256_hex(data)}"
