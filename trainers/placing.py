"""The folder that a training writes into: its own, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from peercycle.core.errors import UsageError
from peercycle.store.disk import disk_errors
from peercycle.trainers.resuming import CHECKPOINTS, PLAN_FILE


@contextmanager
def output_folder(out: Path, base: str) -> Iterator[None]:
    """Make the folder for a training; one that is refused leaves no empty folder of that name.

    Raises `UsageError`, with nothing written, where it is the base's own, or holds what no training of ours began.
    """
    with disk_errors("look into", out):
        _require_own(out, base)
        begun = out.is_dir()
    with disk_errors("write", out):
        out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if not begun:
            # Only where nothing lies in them.
            with suppress(OSError):
                (out / CHECKPOINTS).rmdir()
            with suppress(OSError):
                out.rmdir()
        raise


def _require_own(out: Path, base: str) -> None:
    if not out.is_dir():
        return
    if Path(base).is_dir() and out.samefile(base):
        raise UsageError(
            f"the output folder {str(out)!r} is the base model itself, which would be overwritten; give another"
        )
    if (out / CHECKPOINTS / PLAN_FILE).is_file():
        return
    # One that was killed before it had written its plan leaves an empty folder for checkpoints.
    foreign = sorted(path.name for path in out.iterdir() if path.name != CHECKPOINTS or any(path.glob("*")))
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise UsageError(
            f"the output folder {str(out)!r} holds what no training of peercycle began there "
            f"({', '.join(map(repr, foreign[:3]))}{more}); give another, or an empty one"
        )
