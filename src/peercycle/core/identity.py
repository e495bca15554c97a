"""What identifies a model on disk: its weights, its tokenizer, its chat template.

Computed from files alone, so that an engine in another environment, the engine in this process and a trainer agree
on them, and so that nobody loads a model to learn its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.base import canonical_json, sha256_hex

WEIGHTS = ("*.safetensors", "*.bin", "*.gguf")
TOKENIZERS = (
    "tokenizer.json",
    "tokenizer.model",
    "tekken.json",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
)
"""Files that hold a whole vocabulary, the telling one first."""
WHOLE_BYTES = 1 << 30
"""Weights up to this size are hashed whole; of larger files samples are, as a hash of 200 GB takes many minutes."""
SAMPLES = 16
SAMPLE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """Hashes of what stands behind a model; None for what its folder lacks."""

    weights: str | None = None
    """64 hex digits; `sampled-` stands before them where the files are too large to be hashed whole."""
    tokenizer: str | None = None
    template: str | None = None


def identify(folder: Path) -> Identity:
    """Return what identifies the model in a folder. Takes a second for each GB of weights, 20 at most."""
    return Identity(weights_hash(folder), tokenizer_hash(folder), template_hash(folder))


def weights_hash(folder: Path) -> str | None:
    """Return one hash of all weight files of a folder, by name and content."""
    files = sorted({path for pattern in WEIGHTS for path in folder.glob(pattern) if path.is_file()})
    if not files:
        return None
    whole = sum(path.stat().st_size for path in files) <= WHOLE_BYTES
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        for piece in _pieces(path, whole):
            digest.update(piece)
    return digest.hexdigest() if whole else f"sampled-{digest.hexdigest()}"


def tokenizer_hash(folder: Path) -> str | None:
    """Return a hash of the vocabulary and how text is split. How it was padded or indented does not enter it."""
    for name in TOKENIZERS:
        path = folder / name
        if not path.is_file():
            continue
        if path.suffix != ".json":
            return sha256_hex(path.read_bytes())
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return sha256_hex(path.read_bytes())
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key not in {"padding", "truncation"}}
        return sha256_hex(canonical_json(content))
    return None


def template_hash(folder: Path) -> str | None:
    """Return the hash of the chat template's text."""
    text = chat_template(folder)
    return None if text is None else sha256_hex(text.encode("utf-8", "surrogatepass"))


def chat_template(folder: Path) -> str | None:
    """Return a folder's chat template, wherever it is kept; of several, the one called `default`."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        try:
            found = json.loads((folder / name).read_text(encoding="utf-8")).get("chat_template")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(found, str):
            return found
        if isinstance(found, list):
            named = {str(entry.get("name")): entry.get("template") for entry in found if isinstance(entry, dict)}
            default = named.get("default")
            return default if isinstance(default, str) else None
    return None


def _pieces(path: Path, whole: bool) -> Iterable[bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if whole or size <= SAMPLES * SAMPLE_BYTES:
            while piece := file.read(SAMPLE_BYTES):
                yield piece
            return
        for number in range(SAMPLES):
            file.seek((size - SAMPLE_BYTES) * number // (SAMPLES - 1))
            yield file.read(SAMPLE_BYTES)
