"""Building an environment: a Python, locked packages from wheels, and a record of all of it; moved into place whole."""

from __future__ import annotations

import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.base import canonical_json, sha256_hex
from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.sandbox import installer, locking, records
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.fetching.wheels import WheelStore
from peercycle.sandbox.interpreter import Interpreter
from peercycle.sandbox.place import remove_tree
from peercycle.sandbox.tree_digest import tree_digest


@dataclass(frozen=True, slots=True)
class Base:
    """What environments are made for."""

    backend: str
    folder: Path
    python: Interpreter
    lent: str = ""
    """What names the programs that an environment lends: the TeX of `tex`, the pandoc of `pandoc`."""
    image: str = ""
    """The container image that holds this Python; empty for this machine's own."""
    programs: tuple[Path, ...] = ()
    """Put into the environment's own folder of programs; each runs by itself wherever it lies."""
    list_fonts: Callable[[Path], None] = lambda _: None
    """Lets matplotlib list the fonts once, for all executions; in the sandbox, for packages run there only."""


def build(base: Base, target: Path, wanted: locking.Wanted, fetch: FetchSettings) -> None:
    """Build an environment where there is none. Raises `SandboxError` where its packages cannot be had."""
    begun, python, store = time.monotonic(), base.python, WheelStore(base.folder.parent)
    fresh = base.folder / f".new-{uuid.uuid4().hex}"
    try:
        _skeleton(fresh, python)
        for program in base.programs:
            _lend(program, fresh / "bin" / program.name)
        lock = _install(fresh, wanted, installer.Target(fresh, python, foreign=bool(base.image)), store, fetch)
        packages = _packages(fresh / python.site)
        if "matplotlib" in packages:
            base.list_fonts(fresh)
        about = [records.FORMAT, lock, python.tag, base.lent, *([base.image] if base.image else [])]
        record = records.Record(
            name=wanted.name,
            digest=sha256_hex(canonical_json(about)),
            lock=lock,
            interpreter=python.tag,
            packages=packages,
            tree=tree_digest(fresh),
            build_s=round(time.monotonic() - begun, 3),
            image=base.image,
        )
        (fresh / records.RECORD).write_text(record.model_dump_json(indent=1))
        (fresh / records.RECORD).chmod(0o644)
        fresh.rename(target)
    except RefusedRequestError:
        raise
    except SandboxError as error:
        raise SandboxError(
            f"environment {wanted.name!r} is not built and could not be ({error}): correct the requirements; without "
            "network connect once, or point PIP_FIND_LINKS at a folder with its wheels"
        ) from error
    finally:
        if fresh.exists():
            remove_tree(fresh)


def _skeleton(fresh: Path, python: Interpreter) -> None:
    """Lay out a virtual environment; the `venv` module would need ensurepip, which distributions split off."""
    for folder in (fresh, fresh / "bin", fresh / "lib", (fresh / python.site).parent, fresh / python.site):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for name in ("python", "python3"):
        (fresh / "bin" / name).symlink_to(python.path)
    (fresh / "pyvenv.cfg").write_text(
        f"home = {python.path.parent}\ninclude-system-site-packages = false\n"
        f"version = {'.'.join(map(str, python.version))}\n"
    )
    (fresh / "pyvenv.cfg").chmod(0o644)


def _lend(program: Path, target: Path) -> None:
    """Put a program into an environment; without a second copy of it where both lie on one device."""
    try:
        target.hardlink_to(program)
    except OSError:
        shutil.copyfile(program, target)
    target.chmod(0o755)


def _install(
    fresh: Path, wanted: locking.Wanted, target: installer.Target, store: WheelStore, fetch: FetchSettings
) -> str:
    """Install what is wanted; return the lock of all of it."""
    lock = wanted.lock
    if not lock and not wanted.requirements:
        return ""
    pip = installer.find_pip()
    if lock:
        installer.install(pip, target, lock, store, fetch)
    if wanted.requirements:
        held = _packages(fresh / target.python.site)
        further = _resolved(pip, target, wanted, held, fetch)
        if further:
            installer.install(pip, target, further, store, fetch)
        lock += further
    return lock


def _resolved(
    pip: list[str], target: installer.Target, wanted: locking.Wanted, held: dict[str, str], fetch: FetchSettings
) -> str:
    """Return the lock of the further requirements, and of what they need that is not held already."""
    with tempfile.TemporaryDirectory(prefix="peercycle-lock-") as folder:
        asked, known, report = (Path(folder, name) for name in ("wanted.txt", "held.txt", "report.json"))
        asked.write_text("\n".join(requirement.partition(" ")[0] for requirement in wanted.requirements))
        known.write_text("".join(f"{name}=={version}\n" for name, version in held.items()))
        installer.resolve(pip, target, asked, known, report, fetch)
        further = locking.locked_from_report(report, held)
    locking.check_hashes(wanted.requirements, further)
    return further


def _packages(site: Path) -> dict[str, str]:
    """Return names and versions of the distributions in a folder."""
    from importlib import metadata

    return dict(
        sorted((locking.normal(d.metadata["Name"]), d.version) for d in metadata.distributions(path=[str(site)]))
    )
