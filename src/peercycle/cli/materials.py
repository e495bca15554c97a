"""What a program is to find installed and to read, as the command line names it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peercycle.core.sandboxing import DataRecord, DataSpec, EnvironmentRef

_HASHED = re.compile(r"(.+)#sha256=([0-9a-f]{64})")


def read_data(given: list[str] | tuple[str, ...]) -> tuple[DataSpec, ...]:
    """Return data from `NAME=SOURCE` texts: a local file, `URL#sha256=…`, or `hf:OWNER/NAME@REVISION`.

    Raises `UsageError` saying how to write it, `BadInputError` for a local file that cannot be read.
    """
    return tuple(_datum(text) for text in given)


def _datum(text: str) -> DataSpec:
    from pydantic import ValidationError

    from peercycle.core.complaints import complaint_of, uncapitalised
    from peercycle.core.errors import UsageError
    from peercycle.core.sandboxing import DataSpec

    name, equals, source = text.partition("=")
    hashed = _HASHED.fullmatch(source)
    digest = hashed.group(2) if hashed else None
    source = hashed.group(1) if hashed else source
    how = "write NAME=FILE, NAME=URL#sha256=…, or NAME=hf:OWNER/NAME@REVISION"
    if "://" in source and digest is None:
        raise UsageError(
            f"--data {text}: a URL needs its file's hash behind it, 64 hexadecimal digits in small letters; {how}"
        )
    if not equals or not source:
        raise UsageError(f"--data {text}: {how}")
    values: dict[str, Any] = {"name": name, "kind": "path", "source": source, "sha256": digest}
    if "://" in source:
        values["kind"] = "url"
    elif source.startswith("hf:"):
        dataset, _, revision = source.removeprefix("hf:").partition("@")
        values |= {"kind": "huggingface", "source": dataset, "revision": revision or None}
    else:
        values |= {"source": str(Path(source).absolute()), "sha256": digest or _digest(source)}
    try:
        return DataSpec.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UsageError(f"--data {text}: {fault['loc'][0]}: {uncapitalised(complaint_of(fault))}; {how}") from None


def require_file(option: str, source: str) -> int:
    """Return the bytes of a local file. Raises `BadInputError` where it is none: a device or a pipe may never end."""
    import stat

    from peercycle.core.errors import BadInputError

    try:
        status = Path(source).stat()
    except OSError as error:
        raise BadInputError(f"{option} {source}: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise BadInputError(f"{option} {source}: it is {kind}; name a file")
    return status.st_size


def _digest(source: str) -> str:
    import hashlib

    from peercycle.core.errors import BadInputError

    require_file("--data", source)
    try:
        with Path(source).open("rb") as body:
            return hashlib.file_digest(body, "sha256").hexdigest()
    except OSError as error:
        raise BadInputError(f"--data {source}: {error.strerror}") from None


async def prepare(
    sandbox: Any, environment: str, requirements: tuple[str, ...], data: tuple[DataSpec, ...]
) -> tuple[EnvironmentRef, tuple[DataRecord, ...]]:
    """Build the environment and fetch the data, with network, so that runs need none."""
    from peercycle.core.errors import RefusedRequestError
    from peercycle.core.fetching import FetchingSandbox
    from peercycle.core.sandboxing import EnvironmentSpec

    built: EnvironmentRef = await sandbox.prepare(EnvironmentSpec(name=environment, requirements=requirements))
    if data and not isinstance(sandbox, FetchingSandbox):
        raise RefusedRequestError(f"the sandbox {sandbox.name!r} fetches no data")
    return built, await sandbox.fetch(data) if data else ()


def lines(built: EnvironmentRef, data: tuple[DataRecord, ...]) -> list[str]:
    """Return what was prepared, for people."""
    packages = ", ".join(f"{name} {version}" for name, version in built.packages.items()) or "Python alone"
    said = [f"environment {built.name} for {built.backend}: {packages} (digest {built.digest[:16]})"]
    for record in data:
        revision = f" at {record.revision}" if record.revision else ""
        said.append(
            f"data/{record.name}: {record.size} bytes of {record.source}{revision}, sha256 {record.sha256}, "
            f"licence {record.licence or 'not named'}"
        )
    return said
