"""The source of a paper as arXiv sends it: which kind it is, and its files, within bounds.

arXiv sends a gzipped tar archive, one gzipped file, or a PDF where it has no source. What it sends was written by
anybody: nothing is believed of it, and nothing of it is made on the disk but regular files with checked names.
"""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from peercycle.core.errors import BadInputError

MOST_SENT_BYTES = 64 * 1024 * 1024
MOST_BYTES = 128 * 1024 * 1024
"""All files together, unpacked."""
MOST_MEMBERS = 5000
LONGEST_NAME, LONGEST_PART, DEEPEST = 1000, 200, 16
_RUN_BY_TOOLS = frozenset({"latexmkrc", "texmf.cnf"})
"""Names of files that TeX's tools execute or obey where they lie."""

Kind = Literal["archive", "file", "pdf"]


@dataclass(frozen=True, slots=True)
class Eprint:
    """What arXiv has of a paper."""

    kind: Kind
    """`archive`: several files; `file`: one; `pdf`: no source, only what was made of it."""
    files: dict[str, bytes]
    """By relative path, checked."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Members that were not taken, and why."""

    def main(self) -> str | None:
        """Return the file that is the paper's beginning, or None."""
        begun = re.compile(rb"^[^%\n]*\\document(?:class|style)\b", re.MULTILINE)
        texts = [name for name in self.files if name.lower().endswith((".tex", ".ltx"))]
        found = [
            name for name in texts if begun.search(self.files[name]) and b"\\begin{document}" in self.files[name]
        ]
        return min(found, key=lambda name: (name.count("/"), -len(self.files[name]), name), default=None)


def looks_like_one(body: bytes) -> bytes:
    """Return the body of an answer. Raises `ValueError` for an empty one and for a web page."""
    if not body.strip() or body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise ValueError("a web page or nothing, in place of a source")
    return body


def read_eprint(body: bytes, name: str) -> Eprint:
    """Tell what a body is, and return its files; a single one is called `name` with its ending.

    Raises `BadInputError` for what is damaged, hostile (a name that leads outside, a device), too large or unknown.
    """
    if body.startswith(b"%PDF-"):
        return Eprint("pdf", {f"{name}.pdf": body})
    plain = _inflated(body) if body.startswith(b"\x1f\x8b") else body
    if _is_tar(plain):
        return _unpacked(plain)
    return _single(plain, name)


def _inflated(body: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            # Reads no more than this, however much it would come to.
            plain = packed.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInputError(f"the source is damaged: {error}; fetch it again with mode refresh") from None
    if len(plain) > MOST_BYTES:
        raise BadInputError(f"the source comes to more than {MOST_BYTES} bytes unpacked; refused")
    return plain


def _is_tar(plain: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(plain[:512], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _single(plain: bytes, name: str) -> Eprint:
    if plain.startswith(b"%PDF-"):
        return Eprint("pdf", {f"{name}.pdf": plain})
    if plain.startswith(b"%!"):
        return Eprint("file", {f"{name}.ps": plain})
    if not plain.strip() or b"\0" in plain:
        raise BadInputError("arXiv sent neither an archive, nor a text, nor a PDF; nothing was written")
    return Eprint("file", {f"{name}.tex": plain})


def _unpacked(plain: bytes) -> Eprint:
    files: dict[str, bytes] = {}
    left_out: list[tuple[str, str]] = []
    total = 0
    for member, content in _members(plain):
        name = _checked(member.name)
        why = _unwanted(member, name, files)
        if why is not None:
            left_out.append((name or member.name, why))
        elif not member.isdir():
            total += member.size
            if total > MOST_BYTES:
                raise BadInputError(f"the files come to more than {MOST_BYTES} bytes; refused")
            files[name] = content()
    if not files:
        raise BadInputError("the archive holds no file that may be written; nothing was")
    return Eprint("archive", files, tuple(left_out))


def _members(plain: bytes) -> Iterator[tuple[tarfile.TarInfo, _Content]]:
    """Yield the members, the first few thousand, each with a way to read it."""
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for number, member in enumerate(archive, start=1):
                if number > MOST_MEMBERS:
                    raise BadInputError(f"the archive has more than {MOST_MEMBERS} members; refused")
                yield member, _Content(archive, member)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, BadInputError):
            raise
        raise BadInputError(f"the archive is damaged: {error}; nothing was written") from None


@dataclass(frozen=True, slots=True)
class _Content:
    archive: tarfile.TarFile
    member: tarfile.TarInfo

    def __call__(self) -> bytes:
        try:
            reader = self.archive.extractfile(self.member)
            content = reader.read(self.member.size) if reader is not None else b""
        except (tarfile.TarError, OSError) as error:
            raise BadInputError(
                f"the archive breaks off in {self.member.name[:100]!r} ({error}); nothing was written"
            ) from None
        return content


def _checked(name: str) -> str:
    """Return a member's name as a plain relative path. Raises `BadInputError` where it leads outside, or is no name."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    outside = name.startswith("/") or ".." in parts or "\\" in name or re.match(r"^[A-Za-z]:", name)
    if outside or not name.isprintable() or any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise BadInputError(
            f"the archive holds {ascii(name)[:200]}, which leads outside or is no name; refused as a whole"
        )
    too_long = any(len(part.encode()) > LONGEST_PART for part in parts) or len(name.encode()) > LONGEST_NAME
    if too_long or len(parts) > DEEPEST:
        raise BadInputError(f"the archive holds a name that is too long or too deep: {ascii(name)[:200]}; refused")
    return "/".join(parts)


def _unwanted(member: tarfile.TarInfo, name: str, files: dict[str, bytes]) -> str | None:
    """Return why a member is not taken, or None. Raises `BadInputError` for a device."""
    if member.ischr() or member.isblk() or member.isfifo():
        raise BadInputError(f"the archive holds a device or pipe {name[:200]!r}; refused as a whole")
    if member.issym() or member.islnk():
        return "a link"
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        return "no plain file"
    parts = name.split("/")
    if not name or any(part.startswith(".") for part in parts) or parts[-1].lower() in _RUN_BY_TOOLS:
        return "hidden, or obeyed by tools"
    folded = {known.casefold(): known for known in files}
    within = {"/".join(parts[:depth]).casefold() for depth in range(1, len(parts))}
    if name.casefold() in folded:
        return "given twice; the first stands"
    if within & set(folded) or any(known.startswith(f"{name.casefold()}/") for known in folded):
        return "a file and a folder have this name; the first stands"
    return None
