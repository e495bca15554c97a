"""Making images: of a directory tree, or of a Dockerfile and requirements locked by hash."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO

from peercycle.core.errors import BadInputError, SandboxError
from peercycle.sandbox.containers.engine import engine, refusals
from peercycle.sandbox.containers.settings import DockerSettings

BUILD_S = 3600.0
LEFT_OUT = (
    "dev", "proc", "sys", "run", "tmp", "root", "home", "var/cache", "var/lib/apt/lists", "var/log", "var/tmp",
    "etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/ssh", "usr/share/doc", "usr/share/locale",
)  # fmt: skip
"""Below a tree: what belongs to a running machine, to its people, or to nobody; folders of these names stay, empty."""
_LOCKED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?==[^\s;]+(\s*;[^#]*?)?(\s+--hash=sha256:[0-9a-f]{64})+")


def import_tree(settings: DockerSettings, root: Path, tag: str) -> str:
    """Make an image of a directory tree (such as debootstrap's), and return its id.

    Raises `BadInputError` for what is no such tree, `SandboxError` where the daemon refuses it.
    """
    check_tree(root)
    with engine(settings, timeout_s=BUILD_S) as client, refusals(f"import {str(root)!r}"), _tar_of(root) as body:
        said = client.import_image(
            src=body, repository=tag.rpartition(":")[0] or tag, tag=tag.rpartition(":")[2] or "latest", stream_src=True,
            changes=["CMD []", f"LABEL peercycle.image={tag}"],
        )  # fmt: skip
    return _id_of(str(said))


def check_tree(root: Path) -> None:
    """Raise `BadInputError` for a folder that is no root of a system with Python."""
    if not root.is_dir():
        raise BadInputError(f"{str(root)!r} is no folder: name the root of a directory tree, as debootstrap makes")
    if root.resolve() == Path("/"):
        raise BadInputError("'/' is this machine, secrets included: name a tree that was made for this")
    if not any((root / "usr/bin" / name).is_symlink() or (root / "usr/bin" / name).exists() for name in ("python3",)):
        raise BadInputError(
            f"{str(root)!r} has no usr/bin/python3: make it with debootstrap --variant=minbase --include=python3"
        )


def _id_of(said: str) -> str:
    for line in said.splitlines():
        answer = json.loads(line)
        if "error" in answer:
            raise SandboxError(f"Docker could not import the tree: {answer['error']}")
        if str(answer.get("status", "")).startswith("sha256:"):
            return str(answer["status"])
    raise SandboxError(f"Docker does not say which image it made: {said[-200:]!r}")


@contextmanager
def _tar_of(root: Path) -> Iterator[IO[bytes]]:
    """Yield a tree as a tar stream, written as it is read: no second copy lies anywhere."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    problems: list[BaseException] = []

    def write() -> None:
        try:
            with (
                os.fdopen(writer, "wb") as out,
                tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                tar.add(root, arcname=".", filter=_wanted)
        except BrokenPipeError:
            return
        except BaseException as error:  # noqa: BLE001  # raised where the stream is read
            problems.append(error)

    thread = threading.Thread(target=write, name="tar", daemon=True)
    thread.start()
    with os.fdopen(reader, "rb") as body:
        yield body
    thread.join()
    if problems:
        raise SandboxError(f"cannot read the tree {str(root)!r}: {problems[0]}") from problems[0]


def _wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Keep files, folders and links, without owners, times and setuid bits."""
    name = entry.name.removeprefix("./")
    if any(name.startswith(f"{left_out}/") for left_out in LEFT_OUT) or not (
        entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()
    ):
        return None
    if name in LEFT_OUT and not entry.isdir():
        return None
    entry.mode &= ~(stat.S_ISUID | stat.S_ISGID)
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def build(
    settings: DockerSettings, tag: str, dockerfile: Path | None, requirements: Path | None, *, tex: bool, network: str
) -> tuple[str, list[str]]:
    """Build an image, and return its id and what the build said, by line.

    Without a Dockerfile it is ours: Debian's Python, the requirements, and TeX if asked for. The requirements lie
    in the context as `requirements.lock`. Raises `BadInputError` for requirements that are not locked.
    """
    recipe = _recipe() if dockerfile is None else _read(dockerfile)
    lock = b"" if requirements is None else _read(requirements)
    check_lock(lock.decode("utf-8", "replace"), str(requirements))
    context = _context({"Dockerfile": recipe, "requirements.lock": lock})
    lines: list[str] = []
    with engine(settings, timeout_s=BUILD_S) as client, refusals(f"build {tag!r}"):
        said = client.build(
            fileobj=context, custom_context=True, encoding="utf-8", tag=tag, rm=True, forcerm=True, decode=True,
            network_mode=network, buildargs={"TEX": "yes" if tex else ""}, labels={"peercycle.image": tag},
        )  # fmt: skip
        for answer in said:
            if "error" in answer:
                raise SandboxError(f"the image could not be built: {_reason(str(answer['error']), lines)}")
            lines += [line for line in str(answer.get("stream", "")).splitlines() if line.strip()]
        return str(client.inspect_image(tag)["Id"]), lines


def _reason(error: str, lines: list[str]) -> str:
    """Return what the daemon says, and before it what the step said that failed: why it did."""
    said = " ".join(" ".join(line.split()) for line in lines[-8:])
    return f"{said[-600:]}: {' '.join(error.split())[-400:]}"


def check_lock(text: str, name: str) -> None:
    """Raise `BadInputError` for requirements that are not `name==version` with a hash each."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        wanted = line.partition(" #")[0].strip()
        if wanted and not wanted.startswith("#") and not _LOCKED.fullmatch(wanted):
            raise BadInputError(
                f"{name}: {wanted[:80]!r} is not locked: write name==version --hash=sha256:…, as "
                "`pip-compile --generate-hashes` or `uv pip compile --generate-hashes` do"
            )


def _recipe() -> bytes:
    return files("peercycle.sandbox.containers").joinpath("Dockerfile").read_bytes()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{str(path)!r} cannot be read: {error.strerror}") from error


def _context(bodies: dict[str, bytes]) -> io.BytesIO:
    """Return a build context of these files alone: nothing else of the folder reaches the daemon."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, body in bodies.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(body), 0o644
            tar.addfile(entry, io.BytesIO(body))
    out.seek(0)
    return out
