"""Indexes of corpora: built once, in a file named by the corpus's hash, shared by every run."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from peercycle.agents.literature.local.corpus import read_corpus
from peercycle.agents.literature.local.index import SCHEMA_VERSION, create, fill
from peercycle.agents.literature.places import cache_folder, library_folder
from peercycle.core.errors import BadInputError
from peercycle.core.literature import Reference
from peercycle.core.sameness import deduplicate


def open_corpus(path: Path, cache: str | None) -> sqlite3.Connection:
    """Return the index of a corpus, read-only; built first where it is missing, stale or damaged.

    `cache` is the folder of the indexes; None means the user's. Raises `BadInputError` and `StoreError`.
    """
    folder = cache_folder(cache)
    target = folder / f"{_digest(path)}-v{SCHEMA_VERSION}.sqlite"
    if (ready := _open(target)) is not None:
        return ready
    # Built beside its place and renamed: two processes that build at once both end with a whole file.
    handle, name = tempfile.mkstemp(dir=folder, prefix=".building-", suffix=".sqlite")
    os.close(handle)
    try:
        with closing(sqlite3.connect(name)) as connection:
            create(connection)
            fill(connection, deduplicate(_works(path)))
            connection.commit()
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
    opened = _open(target)
    if opened is None:
        raise BadInputError(f"the index {str(target)!r} cannot be read back; is the disk full?")
    return opened


def _works(path: Path) -> tuple[Reference, ...]:
    try:
        return read_corpus(path).entries
    except BadInputError as error:
        if path.parent != library_folder():
            raise
        # Whoever searches has not named this file, and would not know where it comes from.
        why = str(error).partition(";")[0]
        raise BadInputError(f"{why}; it was imported: delete that file, then import its source again") from None


def _open(target: Path) -> sqlite3.Connection | None:
    if not target.exists():
        return None
    connection = sqlite3.connect(f"{target.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute("SELECT count(*) FROM (SELECT rowid FROM texts LIMIT 1)").fetchone()
        if version == SCHEMA_VERSION:
            return connection
    except sqlite3.DatabaseError:
        # Damaged: it is built anew and replaced.
        pass
    connection.close()
    return None


def _digest(path: Path) -> str:
    digest = hashlib.sha256(path.suffix.lower().encode())
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise BadInputError(f"cannot read the corpus {str(path)!r}: {error.strerror}") from None
    return digest.hexdigest()[:32]
