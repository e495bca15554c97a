"""Where plugins come from: the built-in one, entry points, single files, objects."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

from peercycle.core.errors import PluginError

GROUP = "peercycle"
BUILTIN = "peercycle.plugins.builtin"


@dataclass(frozen=True, slots=True)
class Source:
    """A plugin that was found and not yet imported."""

    name: str
    distribution: str | None
    version: str | None
    origin: str
    """Where it was found, for people: `module:attribute`, a file's path, or the type of an object."""
    load: Callable[[], object]
    explicit: bool = False
    """Somebody named it: a failure is an error, and not only a problem."""
    file: str | None = None
    """Of a single file, where its path led when it was found (`place_of`); its version is the hash of its bytes."""

    @property
    def identity(self) -> str:
        """What tells this code from other code: the same file is the same, however its path was written."""
        where = Path(self.origin).name if self.file else self.origin
        return " ".join(part for part in (self.distribution or where, self.version) if part)


def builtin() -> Source:
    """Return what comes with peercycle, as its entry point names it."""
    version = _own_version()
    return Source("builtin", "peercycle", version, BUILTIN, lambda: importlib.import_module(BUILTIN))


def from_entry_points() -> Iterator[Source]:
    """Yield the plugins of installed distributions, by distribution and name; the built-in one is left out.

    A distribution that is found twice (an older copy further down the path) counts once, as for imports.
    """
    found: dict[str, list[Source]] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if not name or _normal(name) in found:
            continue
        found[_normal(name)] = [
            Source(point.name, name, distribution.version, point.value, point.load)
            for point in distribution.entry_points
            if point.group == GROUP and point.value.partition(":")[0] != BUILTIN
        ]
    for _, sources in sorted(found.items()):
        yield from sorted(sources, key=lambda source: source.name)


def from_file(name: str) -> Source:
    """Return the plugin that a single file is. Its name is the file's stem; its version, the hash of its bytes."""
    path = Path(name).expanduser()
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise PluginError(f"plugin file {name!r} cannot be read: {reason}") from None
    return Source(
        path.stem,
        None,
        f"sha256:{digest[:16]}",
        str(path),
        lambda: _import_file(path, digest),
        explicit=True,
        file=place_of(name),
    )


def place_of(name: str) -> str:
    """Return where a file's path leads from here: the same for every way to write it."""
    return os.path.realpath(Path(name).expanduser())


def from_object(plugin: object) -> Source:
    """Return a plugin that the caller holds: a module, or an instance of a class with marked methods."""
    if isinstance(plugin, ModuleType):
        name, origin = plugin.__name__, plugin.__name__
    else:
        kind = plugin if isinstance(plugin, type) else type(plugin)
        name = getattr(plugin, "name", None) or kind.__name__
        origin = f"{kind.__module__}.{kind.__qualname__}"
    return Source(str(name), None, None, origin, lambda: plugin, explicit=True)


def _import_file(path: Path, digest: str) -> ModuleType:
    stem = re.sub(r"\W", "_", path.stem)
    module_name = f"peercycle_plugin_{stem}_{digest[:8]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look a module up by name while its body runs.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(module_name, None)
        raise
    return module


def _own_version() -> str:
    from peercycle import __version__

    return __version__


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
