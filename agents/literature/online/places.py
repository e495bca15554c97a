"""Where answers and turns are kept on this machine."""

from __future__ import annotations

from pathlib import Path


def cache_folder(given: str | None) -> Path:
    """Return the folder of the kept answers, made where it is missing, for this user only."""
    if given is None:
        from platformdirs import user_cache_path

        folder = user_cache_path("peercycle") / "literature"
    else:
        folder = Path(given).expanduser()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
