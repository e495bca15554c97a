"""Locks of requirements: what is installed, to the byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.sandboxing import EnvironmentSpec

_PINNED = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(\[[A-Za-z0-9,._-]+\])?==([A-Za-z0-9.!+_-]+)((?: --hash=sha256:[0-9a-f]{64})*)"
)
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
NAMED = {"base": None, "pandoc": None, "scientific": "scientific.txt", "tex": None}
"""Environments by name, with the lock that each ships."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment is to hold."""

    name: str
    lock: str
    """Requirements with hashes, as pip reads them; shipped with us."""
    requirements: tuple[str, ...]
    """Further ones, pinned but not locked yet; sorted."""


def wanted(spec: EnvironmentSpec) -> Wanted:
    """Return what a specification asks for. Raises `RefusedRequestError` (unknown name, unpinned requirement)."""
    if spec.name not in NAMED:
        raise RefusedRequestError(f"no environment {spec.name!r}: there are {', '.join(sorted(NAMED))}")
    for requirement in spec.requirements:
        if not _PINNED.fullmatch(requirement):
            raise RefusedRequestError(f"requirement {requirement!r} is not pinned: write it as 'name==version'")
    shipped = NAMED[spec.name]
    lock = "" if shipped is None else resources.files("peercycle.sandbox.locks").joinpath(shipped).read_text()
    return Wanted(spec.name, lock, tuple(sorted(set(spec.requirements))))


def locked_from_report(report: Path, already: Iterable[str]) -> str:
    """Return the lock of what pip resolved, without what another lock holds already.

    Raises `SandboxError` where pip resolved something that has no hash (a local folder, a repository).
    """
    skipped = {normal(name) for name in already}
    lines = []
    for item in json.loads(report.read_text())["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if normal(name) in skipped:
            continue
        digest = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if digest is None:
            raise SandboxError(f"requirement {name!r} has no hash and cannot be locked: name a released version")
        lines.append(f"{name}=={version} --hash=sha256:{digest}")
    return "".join(f"{line}\n" for line in sorted(lines, key=str.lower))


def check_hashes(requirements: Iterable[str], lock: str) -> None:
    """Raise `RefusedRequestError` where a requirement names the hashes of its files, and the lock has none of them."""
    for requirement in requirements:
        pinned, _, hashes = requirement.partition(" ")
        name = normal(re.split(r"[\[=]", pinned)[0])
        line = next((line for line in lock.splitlines() if normal(line.partition("==")[0]) == name), "")
        if hashes and line and line.rpartition("--hash=")[2] not in hashes:
            raise RefusedRequestError(
                f"requirement {pinned!r} is another file than asked for: {line.rpartition('--hash=')[2]}"
            )


def versions(lock: str) -> list[tuple[str, str]]:
    """Return the names and versions that a lock names; one name may have several, each with its marker."""
    return _LOCKED.findall(lock)


def normal(name: str) -> str:
    """Return a distribution's name in the one spelling that is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()
