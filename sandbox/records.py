"""What an environment says of itself, and whether it is still so."""

from __future__ import annotations

import functools
from pathlib import Path

from peercycle.core.base import Word
from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import EnvironmentRef
from peercycle.sandbox.tree_digest import tree_digest

FORMAT = 2
RECORD = "environment.json"


class Record(Word):
    """What an environment says of itself, beside its files."""

    name: str
    digest: str
    lock: str
    interpreter: str
    packages: dict[str, str]
    tree: str
    """Digest of all its other files."""
    build_s: float
    image: str = ""
    """The container image that it is made for; empty where it is made for this machine's own Python."""


def located(backend: str, state: Path, ref: EnvironmentRef) -> tuple[Path, Record]:
    """Return where an environment lies and what it holds. Raises `SandboxError` for one that is not what it says."""
    target = Path(ref.location)
    if ref.backend != backend or target.parent != state / "environments":
        raise SandboxError(f"environment {ref.name!r} was not prepared by this sandbox: prepare it again")
    record = verified(target)
    if record.digest != ref.digest:
        raise SandboxError(f"environment {ref.name!r} is another than was prepared: prepare it again")
    return target, record


def verified(target: Path) -> Record:
    """Return what an environment says of itself, its files compared with that once per process."""
    try:
        status = (target / RECORD).stat()
    except OSError as error:
        raise SandboxError(
            f"environment {str(target)!r} is gone or incomplete: remove it, and prepare again"
        ) from error
    return _checked(target, status.st_ino, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _checked(target: Path, _inode: int, _modified: int) -> Record:
    """Read an environment's record and compare its files with it, once per process."""
    try:
        record = Record.model_validate_json((target / RECORD).read_text())
        if record.tree == tree_digest(target, skip=RECORD):
            return record
    except (OSError, ValueError):
        pass
    raise SandboxError(
        f"environment {str(target)!r} has been changed since it was built: remove it, and prepare again"
    )
