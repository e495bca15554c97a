"""Environments: Python with locked packages, built once, shared between runs, read-only to every program."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from peercycle.core.base import Word, canonical_json, sha256_hex
from peercycle.core.errors import RefusedRequestError, SandboxError
from peercycle.core.sandboxing import EnvironmentRef, EnvironmentSpec
from peercycle.sandbox import installer, interpreter, locking
from peercycle.sandbox.converter import pandoc, pandoc_version
from peercycle.sandbox.fetching.settings import FetchSettings
from peercycle.sandbox.fetching.wheels import WheelStore
from peercycle.sandbox.interpreter import Interpreter
from peercycle.sandbox.place import remove_tree
from peercycle.sandbox.profile import ENVIRONMENT, MATPLOTLIB
from peercycle.sandbox.settings import NAME, BubblewrapSettings, state_directory
from peercycle.sandbox.texlive import tex_binds, tex_version
from peercycle.sandbox.tree_digest import tree_digest

FORMAT = 2


class Record(Word):
    """What an environment says of itself, beside its files."""

    name: str
    digest: str
    lock: str
    interpreter: str
    packages: dict[str, str]
    tree: str
    """Digest of all its other files."""
    build_s: float
    image: str = ""
    """The container image that it is made for; empty where it is made for this machine's own Python."""


RECORD = "environment.json"


@dataclass(frozen=True, slots=True)
class Built:
    """An environment as an execution uses it."""

    binds: tuple[tuple[Path, str], ...]

    def argv(self, argv: tuple[str, ...]) -> tuple[str, ...]:
        """Return the program's arguments; `python` is the environment's, whatever else PATH holds."""
        first = f"{ENVIRONMENT}/bin/python" if argv[0] in ("python", "python3") else argv[0]
        return (first, *argv[1:])


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
        FORMAT,
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
                    _build(base, target, wanted, fetch)
        except OSError as error:
            raise SandboxError(f"cannot build an environment in {str(base.folder)!r}: {error}") from error
    record = verified(target)
    return EnvironmentRef(
        name=spec.name,
        digest=record.digest,
        backend=base.backend,
        location=str(target),
        packages=dict(record.packages),
    )


def opened(settings: BubblewrapSettings, ref: EnvironmentRef) -> Built:
    """Return what an execution mounts of an environment. Raises `SandboxError` for one that is not what it says."""
    target, _ = located(NAME, state_directory(settings), ref)
    binds = [(target, ENVIRONMENT), *interpreter.find(settings).binds]
    for cache in sorted((target / "matplotlib").glob("*.json")):
        binds.append((cache, f"{MATPLOTLIB}/{cache.name}"))
    if ref.name == "tex":
        binds += tex_binds()
    return Built(tuple(binds))


def located(backend: str, state: Path, ref: EnvironmentRef) -> tuple[Path, Record]:
    """Return where an environment lies and what it holds. Raises `SandboxError` for one that is not what it says."""
    target = Path(ref.location)
    if ref.backend != backend or target.parent != state / "environments":
        raise SandboxError(f"environment {ref.name!r} was not prepared by this sandbox: prepare it again")
    record = verified(target)
    if record.digest != ref.digest:
        raise SandboxError(f"environment {ref.name!r} is another than was prepared: prepare it again")
    return target, record


def verified(target: Path) -> Record:
    """Return what an environment says of itself, its files compared with that once per process."""
    try:
        status = (target / RECORD).stat()
    except OSError as error:
        raise SandboxError(
            f"environment {str(target)!r} is gone or incomplete: remove it, and prepare again"
        ) from error
    return _checked(target, status.st_ino, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _checked(target: Path, _inode: int, _modified: int) -> Record:
    """Read an environment's record and compare its files with it, once per process."""
    try:
        record = Record.model_validate_json((target / RECORD).read_text())
        if record.tree == tree_digest(target, skip=RECORD):
            return record
    except (OSError, ValueError):
        pass
    raise SandboxError(
        f"environment {str(target)!r} has been changed since it was built: remove it, and prepare again"
    )


def _build(base: Base, target: Path, wanted: locking.Wanted, fetch: FetchSettings) -> None:
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
        about = [FORMAT, lock, python.tag, base.lent, *([base.image] if base.image else [])]
        record = Record(
            name=wanted.name,
            digest=sha256_hex(canonical_json(about)),
            lock=lock,
            interpreter=python.tag,
            packages=packages,
            tree=tree_digest(fresh),
            build_s=round(time.monotonic() - begun, 3),
            image=base.image,
        )
        (fresh / RECORD).write_text(record.model_dump_json(indent=1))
        (fresh / RECORD).chmod(0o644)
        fresh.rename(target)
    except RefusedRequestError:
        raise
    except SandboxError as error:
        raise SandboxError(
            f"environment {wanted.name!r} is not built and could not be ({error}): connect to the network once, "
            "or point PIP_FIND_LINKS at a folder with its wheels"
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


@contextmanager
def _lock(folder: Path, key: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, folder.parent):
        if os.geteuid() == 0 and each.stat().st_uid == 0:
            each.chmod(each.stat().st_mode | 0o055)
    with (folder / f".{key}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
