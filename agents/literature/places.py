"""Where answers, turns and the indexes of corpora are kept on this machine."""

from __future__ import annotations

from pathlib import Path

from peercycle.core.errors import StoreError


def cache_folder(given: str | None) -> Path:
    """Return the literature's cache, made where it is missing, for this user only. Raises `StoreError`."""
    if given is None:
        from platformdirs import user_cache_path

        folder = user_cache_path("peercycle") / "literature"
    else:
        folder = Path(given).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(
            f"the cache of the literature {str(folder)!r} cannot be made ({error.strerror}); "
            f"set XDG_CACHE_HOME, or the source's setting cache, to one that can"
        ) from None
    return folder


def library_folder() -> Path:
    """Return where imported corpora are kept."""
    from platformdirs import user_data_path

    return user_data_path("peercycle") / "library"
