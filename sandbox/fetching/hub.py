"""A dataset of the Hugging Face hub, at a revision, as a folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from peercycle.core.errors import OutageError, RefusedRequestError
from peercycle.core.sandboxing import DataRecord, DataSpec
from peercycle.sandbox.fetching.addresses import checked
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.tree_digest import tree_digest

ENDPOINT = "https://huggingface.co"
INSTALL = "pip install 'peercycle[train]'"


def snapshot(spec: DataSpec, target: Path, settings: FetchSettings) -> DataRecord:
    """Fetch a dataset's files, and return its record, with the commit that the revision named.

    Raises `RefusedRequestError` (no such dataset, too large, a host that is not allowed, the library is missing),
    `OutageError`.
    """
    try:
        import huggingface_hub
        from huggingface_hub import constants
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError
    except ImportError as error:
        raise RefusedRequestError(
            f"data {spec.name!r} is a Hugging Face dataset, and the library for these is not installed: {INSTALL}"
        ) from error
    # Else the library first asks the public hub, whatever the end point, by what program it may be driven.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    endpoint = os.environ.get("HF_ENDPOINT") or ENDPOINT
    checked(endpoint, settings)
    try:
        info = huggingface_hub.HfApi(endpoint=endpoint).dataset_info(
            spec.source, revision=spec.revision, files_metadata=True, timeout=30
        )
        _check_size(spec, info, settings)
        huggingface_hub.snapshot_download(
            spec.source, repo_type="dataset", revision=info.sha, local_dir=target, endpoint=endpoint, max_workers=2,
            cache_dir=target / ".cache", etag_timeout=30,
        )  # fmt: skip
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise RefusedRequestError(f"data {spec.name!r}: no dataset {spec.source!r} at {spec.revision!r}") from error
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status is not None and 400 <= status < 500 and status != 429:
            raise RefusedRequestError(f"data {spec.name!r}: the hub answers {status} for {spec.source!r}") from error
        raise OutageError(f"data {spec.name!r}: the hub answers {status or 'nothing'} now") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise OutageError(f"data {spec.name!r} cannot be fetched from the hub now: {_line(error)}") from error
    shutil.rmtree(target / ".cache", ignore_errors=True)
    return _record(spec, info, target, settings)


def _check_size(spec: DataSpec, info: Any, settings: FetchSettings) -> None:
    size = sum(file.size or 0 for file in info.siblings or ())
    if size > settings.max_mb << 20:
        raise RefusedRequestError(f"data {spec.name!r} holds {size} bytes, over `fetch.max_mb` = {settings.max_mb}")


def _record(spec: DataSpec, info: Any, target: Path, settings: FetchSettings) -> DataRecord:
    entries = list(target.rglob("*"))
    if any(entry.is_symlink() for entry in entries):
        raise RefusedRequestError(f"data {spec.name!r} holds a link, and none is taken")
    size = sum(entry.stat().st_size for entry in entries if entry.is_file())
    if size > settings.max_mb << 20:
        raise RefusedRequestError(f"data {spec.name!r} holds {size} bytes, over `fetch.max_mb` = {settings.max_mb}")
    digest = tree_digest(target)
    if spec.sha256 is not None and digest != spec.sha256:
        raise RefusedRequestError(
            f"data {spec.name!r} holds other files than asked for: the hash of its tree is {digest}, not {spec.sha256}"
        )
    return DataRecord(
        name=spec.name, kind="huggingface", source=spec.source, sha256=digest, size=size, revision=info.sha,
        licence=spec.licence or _licence(info),
    )  # fmt: skip


def _licence(info: Any) -> str | None:
    tags = [str(tag) for tag in info.tags or ()]
    return next((tag.removeprefix("license:")[:100] for tag in tags if tag.startswith("license:")), None)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
