"""The data of an experiment: checked before anything is started, fetched by the prepare step, found by the run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from peercycle.core.contracts import ArtifactStore
from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.sandboxing import DataRecord, DataSpec
from peercycle.sandbox.fetching import hub
from peercycle.sandbox.fetching.download import download
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.fetching.store import DataStore, copied, digest_of

MOST_DATA = 500
PREPARE = "prepare it where there is a network: peercycle sandbox prepare --data …"


def check(specs: Sequence[DataSpec]) -> None:
    """Raise `RefusedRequestError` for data that is not named well enough to be the same tomorrow."""
    for spec in specs:
        if spec.kind in ("path", "url") and spec.sha256 is None:
            what = "a local path" if spec.kind == "path" else "a URL"
            raise RefusedRequestError(f"data {spec.name!r} is {what} without its hash: set `sha256`")
        if spec.kind == "huggingface" and not spec.revision:
            raise RefusedRequestError(
                f"data {spec.name!r} is a Hugging Face dataset without `revision`: name a commit"
            )
    if len(specs) > MOST_DATA:
        raise RefusedRequestError(f"{len(specs)} pieces of data, over {MOST_DATA}: put them into folders")
    names = [spec.name for spec in specs]
    if len(set(names)) < len(names):
        raise RefusedRequestError(f"two data files have one name: {sorted(names)!r}")


def fetch(specs: Sequence[DataSpec], state: Path, settings: FetchSettings) -> tuple[DataRecord, ...]:
    """Fetch what is not here yet, and return what each is. Blocks. The one step that uses a network.

    Raises `RefusedRequestError` where data cannot be had as it was named, `OutageError` where nobody answers now.
    """
    check(specs)
    store = DataStore(state)
    return tuple(_fetched(spec, store, settings) for spec in specs if spec.kind != "artifact")


def _fetched(spec: DataSpec, store: DataStore, settings: FetchSettings) -> DataRecord:
    if (found := store.find(spec)) is not None:
        return found
    if spec.kind != "path" and settings.offline:
        raise RefusedRequestError(
            f"data {spec.name!r} ({spec.source}) is not here, and this machine is set to be offline: {PREPARE}"
        )

    def into(target: Path) -> DataRecord:
        if spec.kind == "huggingface":
            return hub.snapshot(spec, target, settings)
        size = (
            _local(spec, target, settings)
            if spec.kind == "path"
            else download(spec.source, str(spec.sha256), target, settings)
        )
        return DataRecord(
            name=spec.name, kind=spec.kind, source=spec.source, sha256=str(spec.sha256), size=size,
            licence=spec.licence,
        )  # fmt: skip

    return store.add(spec, into, settings)


def _local(spec: DataSpec, target: Path, settings: FetchSettings) -> int:
    path = Path(spec.source).expanduser()
    try:
        size = copied(path, target, settings.max_mb << 20)
    except OSError as error:
        raise RefusedRequestError(
            f"data {spec.name!r} cannot be read from {spec.source!r}: {error.strerror or error}"
        ) from error
    if (found := digest_of(target)) != spec.sha256:
        raise RefusedRequestError(
            f"data {spec.name!r} has changed: sha256 is {found}, and {spec.sha256} was asked for"
        )
    return size


def found(specs: Sequence[DataSpec], state: Path, settings: FetchSettings) -> dict[str, tuple[Path, DataRecord]]:
    """Return where the data of a run lies, by its path in the working directory. No network is used.

    Raises `RefusedRequestError` for data that nobody has prepared, `SandboxError` for some that was changed.
    """
    store = DataStore(state)
    here: dict[str, tuple[Path, DataRecord]] = {}
    for spec in specs:
        if spec.kind == "artifact":
            continue
        record = _fetched(spec, store, settings) if spec.kind == "path" else store.find(spec)
        if record is None:
            raise RefusedRequestError(f"data {spec.name!r} ({spec.source}) is not here: {PREPARE}")
        here[f"data/{spec.name}"] = (store.path(record), record)
    return here


async def stored(specs: Sequence[DataSpec], artifacts: ArtifactStore) -> dict[str, tuple[bytes, DataRecord]]:
    """Return the data that lies in the run's own store, by its path in the working directory."""
    bodies: dict[str, tuple[bytes, DataRecord]] = {}
    for spec in specs:
        if spec.kind != "artifact":
            continue
        body = await artifacts.get(spec.source)
        digest = hashlib.sha256(body).hexdigest()
        if spec.sha256 is not None and digest != spec.sha256:
            raise SandboxError(f"data {spec.name!r} has changed: sha256 is {digest}, and {spec.sha256} was asked for")
        record = DataRecord(
            name=spec.name, kind=spec.kind, source=spec.source, sha256=digest, size=len(body), licence=spec.licence
        )
        bodies[f"data/{spec.name}"] = (body, record)
    return bodies
