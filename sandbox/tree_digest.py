"""The digest of a tree of files: names, kinds and contents, in one number."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def tree_digest(root: Path, *, skip: str = "") -> str:
    """Return the SHA-256 over every file and link below `root`; `skip` names one entry at the top."""
    total = hashlib.sha256()
    for folder, folders, files in os.walk(root):
        folders.sort()
        here = Path(folder)
        for name in sorted([*files, *(name for name in folders if (here / name).is_symlink())]):
            path = here / name
            inside = str(path.relative_to(root))
            if inside == skip:
                continue
            if path.is_symlink():
                kind, body = b"link", os.fsencode(path.readlink())
            else:
                kind, body = b"file", _file_digest(path)
            total.update(b"\0".join((kind, os.fsencode(inside), body)) + b"\n")
    return total.hexdigest()


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as body:
        return hashlib.file_digest(body, "sha256").digest()
