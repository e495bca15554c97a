"""Figures as files: read from the store, and checked before anything is asked to set them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from peercycle.core.errors import DamagedRunError
from peercycle.core.journal import ArtifactStore
from peercycle.core.writing import Manuscript

_PNG = b"\x89PNG\r\n\x1a\n"
_LARGEST = 20 << 20


async def load_figures(manuscript: Manuscript, artifacts: ArtifactStore) -> tuple[dict[str, bytes], list[str]]:
    """Return the figures that can be set, by file name, and a line for each that cannot."""
    files: dict[str, bytes] = {}
    problems: list[str] = []
    for figure in manuscript.figures:
        try:
            body = await artifacts.get(figure.artifact)
        except DamagedRunError as error:
            problems.append(f"figure {figure.file!r} cannot be read: {error}")
            continue
        problem = _problem(figure.file, body)
        if problem:
            problems.append(f"figure {figure.file!r} is left out: {problem}")
        elif figure.file in files and files[figure.file] != body:
            problems.append(f"figure {figure.file!r} stands for two pictures; the first is kept")
        else:
            files[figure.file] = body
    return files, problems


def names(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return every name that a body may call a figure by, with its file."""
    found: dict[str, str] = {}
    for file in sorted(files, key=lambda name: name.endswith(".png")):
        for name in (file.rpartition(".")[0], file):
            found[name] = found[f"figures/{name}"] = file
    return found


def _problem(file: str, body: bytes) -> str | None:
    if len(body) > _LARGEST:
        return f"it has {len(body)} bytes, more than {_LARGEST}"
    if file.endswith(".pdf"):
        return None if body.startswith(b"%PDF-1.") and b"%%EOF" in body[-1024:] else "it is not a PDF"
    return _png_problem(body)


def _png_problem(body: bytes) -> str | None:
    """Return what is wrong with a PNG: every chunk is walked and its checksum verified."""
    if not body.startswith(_PNG):
        return "it is not a PNG"
    place = len(_PNG)
    kinds: list[bytes] = []
    while place + 12 <= len(body):
        size, kind = struct.unpack(">I4s", body[place : place + 8])
        data = body[place + 8 : place + 8 + size]
        check = body[place + 8 + size : place + 12 + size]
        if len(check) < 4 or struct.unpack(">I", check)[0] != zlib.crc32(kind + data):
            return "it is a damaged PNG"
        if not kinds and (kind != b"IHDR" or size != 13 or not 0 < max(struct.unpack(">II", data[:8])) <= 20_000):
            return "it is a PNG of no usable size"
        kinds.append(kind)
        place += 12 + size
        if kind == b"IEND":
            return None if b"IDAT" in kinds else "it is a PNG without a picture"
    return "it is a truncated PNG"
