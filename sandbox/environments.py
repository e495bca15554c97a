"""Environments: Python with locked packages, built once, shared between runs, read-only to every program."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.base import canonical_json, sha256_hex
from peercycle.core.errors import SandboxError
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec
from peercycle.sandbox import interpreter, locking, records
from peercycle.sandbox.building import Base, build
from peercycle.sandbox.converter import pandoc, pandoc_version
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.profile import ENVIRONMENT, MATPLOTLIB
from peercycle.sandbox.settings import NAME, BubblewrapSettings, state_directory
from peercycle.sandbox.texlive import tex_binds, tex_version


@dataclass(frozen=True, slots=True)
class Built:
    """An environment as an execution uses it."""

    binds: tuple[tuple[Path, str], ...]

    def argv(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return the program's arguments; `python` is the environment's, whatever else PATH holds."""
        first = f"{ENVIRONMENT}/bin/python" if argv[0] in ("python", "python3") else argv[0]
        return (first, *argv[1:])


def base_of(settings: BubblewrapSettings, name: str) -> Base:
    """Return what bubblewrap's environments are made for: a Python of this machine."""
    python = interpreter.find(settings)
    lent = tex_version() if name == "tex" else ""
    if name == "pandoc":
        lent = pandoc_version()

    def list_fonts(fresh: Path) -> None:
        from peercycle.sandbox import fonts

        fonts.in_bubblewrap(settings, fresh, ((fresh, ENVIRONMENT), *python.binds))

    folder = state_directory(settings) / "environments"
    return Base(NAME, folder, python, lent, programs=programs_of(name), list_fonts=list_fonts)


def programs_of(name: str) -> tuple[Path, ...]:
    """Return what is put into an environment of this name, beside Python."""
    return (pandoc(),) if name == "pandoc" else ()


def prepare(settings: BubblewrapSettings, spec: EnvironmentSpec) -> EnvironmentRef:
    """Return an environment of this machine's Python, building it where it is not there yet."""
    locking.wanted(spec)
    return prepare_on(base_of(settings, spec.name), spec, settings.fetch)


def prepare_on(base: Base, spec: EnvironmentSpec, fetch: FetchSettings) -> EnvironmentRef:
    """Return an environment, building it where it is not there yet. Two builders wait for each other."""
    wanted, python = locking.wanted(spec), base.python
    about = [
        records.FORMAT,
        wanted.lock,
        list(wanted.requirements),
        python.tag,
        base.lent,
        *([base.image] if base.image else []),
    ]
    key = sha256_hex(canonical_json(about))[:40]
    target = base.folder / key
    if not target.exists():
        try:
            with _lock(base.folder, key):
                if not target.exists():
                    build(base, target, wanted, fetch)
        except OSError as error:
            raise SandboxError(f"cannot build an environment in {str(base.folder)!r}: {error}") from error
    record = records.verified(target)
    return EnvironmentRef(
        name=spec.name,
        digest=record.digest,
        backend=base.backend,
        location=str(target),
        packages=dict(record.packages),
    )


def opened(settings: BubblewrapSettings, ref: EnvironmentRef) -> Built:
    """Return what an execution mounts of an environment. Raises `SandboxError` for one that is not what it says."""
    target, _ = records.located(NAME, state_directory(settings), ref)
    binds = [(target, ENVIRONMENT), *interpreter.find(settings).binds]
    for cache in sorted((target / "matplotlib").glob("*.json")):
        binds.append((cache, f"{MATPLOTLIB}/{cache.name}"))
    if ref.name == "tex":
        binds += tex_binds()
    return Built(tuple(binds))


@contextmanager
def _lock(folder: Path, key: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, folder.parent):
        if os.geteuid() == 0 and each.stat().st_uid == 0:
            each.chmod(each.stat().st_mode | 0o055)
    with (folder / f".{key}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
