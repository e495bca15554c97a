"""What was found for one manager: plugins loaded, broken, or gone without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, count

from peercycle.core.errors import PluginError
from peercycle.plugins.hosting import Host
from peercycle.plugins.loading import Source, place_of
from peercycle.plugins.problems import Problem, Problems


class Found:
    """Takes plugins in, each under a name of its own, and knows which are there."""

    def __init__(self, host: Host, problems: Problems) -> None:
        self._host = host
        self._problems = problems
        self._broken: dict[str, Source] = {}
        self._disabled: dict[str, Source] = {}

    def add(self, source: Source, off: set[str]) -> None:
        """Take a plugin in, unless its name is among those to go without, or its file is in; see `Plugins.load`."""
        if source.file is not None and source.file in {each.file for each in self._host.sources.values()}:
            # Named twice: by a run's record and by whoever resumes it, in two ways to write its path.
            return
        if source.name in off or f"{source.distribution}:{source.name}" in off:
            self._disabled[source.name] = source
            return
        source = replace(source, name=self._free_name(source))
        try:
            self._host.admit(source)
        except PluginError as error:
            if source.explicit:
                raise
            self._broken[source.name] = source
            self._problems.add(Problem(source.name, source.distribution, source.version, None, str(error)))

    def by_state(self) -> Iterator[tuple[str, Source]]:
        """Yield every plugin and what became of it, those that are loaded first."""
        sources = {"loaded": self._host.sources, "broken": self._broken, "disabled": self._disabled}
        for state, found in sources.items():
            for source in found.values():
                yield state, source

    def unknown(self, disabled: Iterable[str]) -> tuple[str, ...]:
        """Return a line for each name to go without that no plugin has; see `Plugins.unknown`."""
        off = self._off()
        names = ", ".join(sorted({source.name for _, source in self.by_state()})) or "none"
        return tuple(
            f"{given}: no plugin is called {given.removeprefix('no:')!r}; found: {names}"
            for given in disabled
            if given.removeprefix("no:") not in off
        )

    def lacking(self, files: Iterable[str], disabled: Iterable[str]) -> tuple[str, ...]:
        """Return the files that are not loaded, then the names that are not gone without; see `Plugins.lacking`."""
        loaded = {source.file for source in self._host.sources.values()}
        off = self._off()
        absent = [name for name in files if place_of(name) not in loaded]
        return (*absent, *(name for name in disabled if name.removeprefix("no:") not in off))

    def _off(self) -> set[str]:
        return {name for s in self._disabled.values() for name in (s.name, f"{s.distribution}:{s.name}")}

    def _free_name(self, source: Source) -> str:
        taken = self._host.sources.keys() | self._broken.keys()
        if source.name not in taken:
            return source.name
        first = f"{source.distribution}:{source.name}" if source.distribution else f"{source.name}#2"
        numbered = (f"{source.name}#{n}" for n in count(2))
        return next(name for name in chain([first], numbered) if name not in taken)
