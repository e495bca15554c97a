"""The plugin manager: one typed method per hook, components by name, events to those who listen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from peercycle.core.errors import PluginError, UnknownNameError, UsageError
from peercycle.plugins import loading
from peercycle.plugins.accounts import entry, schemas, with_problems
from peercycle.plugins.found import Found
from peercycle.plugins.hosting import Host, Implementation, describe_failure
from peercycle.plugins.places import told
from peercycle.plugins.problems import Problem, Problems
from peercycle.plugins.registry import KINDS, Kind, Registration, Registry, make
from peercycle.plugins.relay import PATIENCE_S, QUEUE_LIMIT, EventRelay

if TYPE_CHECKING:
    import typer

    from peercycle.core.base import JSON
    from peercycle.core.contracts import GraphBuilder
    from peercycle.core.events import AfterStage, BeforeStage, RunEnd, RunEvent

__all__ = ["KINDS", "Kind", "Plugins", "Problem", "Registration"]


class PluginAwareBuilder(Protocol):
    """What `extend_graph` takes: a graph's builder that knows which plugin is speaking."""

    def for_plugin(self, name: str) -> GraphBuilder:
        """Return the view of the builder that one plugin is handed."""
        ...


class Plugins:
    """The plugins of one process, test or program; there is no global one.

    Its event methods return at once and never raise.
    """

    def __init__(
        self, *, trace: bool = False, patience_s: float = PATIENCE_S, queue_limit: int = QUEUE_LIMIT
    ) -> None:
        self._host = Host(trace=trace)
        self._registries: dict[Kind, Registry] = {}
        self._relay = EventRelay(self._host, self._note, patience_s=patience_s, queue_limit=queue_limit)
        self._problems = Problems()
        self._found = Found(self._host, self._problems)

    @classmethod
    def load(
        cls,
        *extra: object,
        entry_points: bool = True,
        builtin: bool = True,
        disabled: Iterable[str] = (),
        files: Iterable[str] = (),
        environ: Mapping[str, str] | None = None,
        patience_s: float = PATIENCE_S,
        queue_limit: int = QUEUE_LIMIT,
    ) -> Plugins:
        """Load what is built in, then installed plugins, then single files, then objects.

        `disabled` holds names, also as `no:NAME`; `PEERCYCLE_DISABLE_PLUGINS` adds to them, and such a plugin is
        not even imported. A broken installed plugin becomes a problem; a broken file or object, which somebody
        named, raises `PluginError`. A listener whose call takes longer than `patience_s`, or that falls
        `queue_limit` events behind, hears no more.
        """
        environ = os.environ if environ is None else environ
        trace = environ.get("PEERCYCLE_TRACE_PLUGINS", "") not in ("", "0")
        plugins = cls(trace=trace, patience_s=patience_s, queue_limit=queue_limit)
        off = {name.removeprefix("no:") for name in disabled}
        off |= {name.strip() for name in environ.get("PEERCYCLE_DISABLE_PLUGINS", "").split(",")}
        if builtin:
            plugins._found.add(loading.builtin(), off)
        for source in loading.from_entry_points() if entry_points else ():
            plugins._found.add(source, off)
        for name in files:
            plugins._found.add(loading.from_file(name), off)
        for plugin in extra:
            plugins._found.add(loading.from_object(plugin), off)
        return plugins

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong with plugins so far, oldest first; of each hook of a plugin, as much as a person would read."""
        return self._problems.all()

    # ---------------------------------------------------------------------------------- components

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Return the names on offer, sorted; those that two plugins claim are qualified."""
        return self._registry(kind).names()

    def find(self, kind: Kind, name: str) -> Registration:
        """Return who offers a component. Raises `UnknownNameError` or `PluginConflictError`."""
        return self._registry(kind).find(name)

    def create(self, kind: Kind, name: str, settings: Mapping[str, JSON] | None = None) -> Any:
        """Make a component.

        Raises what `find` raises, `SettingsError` for a setting that is unknown or wrong, and `PluginError` where
        the factory fails.
        """
        return make(self.find(kind, name), settings or {})

    # -------------------------------------------------------------------------------------- hooks

    def register_models(self) -> Registry:
        """Return the models on offer, asking the plugins at the first call."""
        return self._registry("models")

    def register_policies(self) -> Registry:
        """Return the policies on offer."""
        return self._registry("policies")

    def register_reviewers(self) -> Registry:
        """Return the reviewers on offer."""
        return self._registry("reviewers")

    def register_rewards(self) -> Registry:
        """Return the rewards on offer."""
        return self._registry("rewards")

    def register_literature(self) -> Registry:
        """Return the literature sources on offer."""
        return self._registry("literature")

    def register_sandboxes(self) -> Registry:
        """Return the sandboxes on offer."""
        return self._registry("sandboxes")

    def register_trainers(self) -> Registry:
        """Return the trainers on offer."""
        return self._registry("trainers")

    def register_exporters(self) -> Registry:
        """Return the exporters on offer."""
        return self._registry("exporters")

    def extend_graph(self, builder: PluginAwareBuilder) -> None:
        """Let every plugin extend a graph. Raises `PluginError` naming the one that fails."""
        for implementation in self._host.implementations("extend_graph"):
            try:
                implementation(builder=builder.for_plugin(implementation.plugin))
            except PluginError:
                raise
            except (Exception, SystemExit) as error:
                source = self._host.sources[implementation.plugin]
                raise PluginError(
                    describe_failure(source, "extend_graph", error, self._host.modules(source.name))
                ) from error

    def register_commands(self, app: typer.Typer) -> None:
        """Let every plugin add commands; one that fails becomes a problem."""
        for implementation in self._host.implementations("register_commands"):
            self._ask(implementation, app=app)

    def before_stage(self, event: BeforeStage) -> None:
        """Tell the listeners that a stage begins."""
        self._relay.tell("before_stage", event)

    def after_stage(self, event: AfterStage) -> None:
        """Tell the listeners that a stage ended."""
        self._relay.tell("after_stage", event)

    def on_event(self, event: RunEvent) -> None:
        """Tell the listeners of a line in the run's log."""
        self._relay.tell("on_event", event)

    def on_run_end(self, event: RunEnd) -> None:
        """Tell the listeners that a run ended."""
        self._relay.tell("on_run_end", event)

    async def drain_events(self) -> None:
        """Wait until the listeners heard everything so far; one that hangs is given up after its patience."""
        await self._relay.drain()

    async def close(self) -> None:
        """Drain the events and end the listeners' threads. Components can still be made."""
        await self._relay.close()

    def told(self, error: BaseException) -> str:
        """Return an error on one line, with the place in a plugin's own code where it passed through some."""
        return told(error, self._host.modules())

    # ------------------------------------------------------------------------------------ accounts

    def describe(self) -> list[dict[str, JSON]]:
        """Return every plugin that was found, as JSON: where from, hooks, registrations, problems."""
        registries = [self._registry(kind) for kind in KINDS]
        return [
            with_problems(entry(source, state, hooks, registries), self.problems)
            for state, source in self._found.by_state()
            for hooks in [self._host.hooks_of(source.name) if state == "loaded" else ()]
        ]

    def show(self, name: str) -> dict[str, JSON]:
        """Return one plugin's entry of `describe`, and the JSON schema of each of its components' settings.

        Raises `UnknownNameError`.
        """
        entries = {str(item["name"]): item for item in self.describe()}
        if name not in entries:
            raise UnknownNameError(f"no plugin is called {name!r}; found: {', '.join(entries) or 'none'}")
        return {**entries[name], "settings": schemas(name, [self._registry(kind) for kind in KINDS])}

    def unknown(self, disabled: Iterable[str]) -> tuple[str, ...]:
        """Return a line for each name to go without, also as `no:NAME`, that no plugin has which was found."""
        return self._found.unknown(disabled)

    def lacking(self, files: Iterable[str], disabled: Iterable[str]) -> tuple[str, ...]:
        """Return the plugin files that are not loaded here, then the names that are not gone without.

        A file is the same however its path is written: the disk is asked where each leads.
        """
        return self._found.lacking(files, disabled)

    def versions(self) -> dict[str, str]:
        """Return what identifies each loaded plugin's code, by name: part of a run's fingerprint."""
        return {name: source.identity for name, source in sorted(self._host.sources.items())}

    # ------------------------------------------------------------------------------------- inside

    def _registry(self, kind: Kind) -> Registry:
        if kind not in KINDS:
            raise UsageError(f"no kind of component is called {kind!r}; kinds: {', '.join(KINDS)}")
        if kind not in self._registries:
            registry = Registry(kind)
            for implementation in self._host.implementations(f"register_{kind}"):
                source = self._host.sources[implementation.plugin]
                self._ask(implementation, register=registry.registrar(source))
            # Only now: another thread must not find it half filled.
            self._registries[kind] = registry
        return self._registries[kind]

    def _ask(self, implementation: Implementation, **arguments: Any) -> None:
        """Call one implementation; what it raises becomes a problem, and what it did before that stays."""
        try:
            implementation(**arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - kept as a problem
            self._note(implementation.plugin, implementation.hook, error)

    def _note(self, plugin: str, hook: str, error: BaseException) -> None:
        source = self._host.sources[plugin]
        message = describe_failure(source, hook, error, self._host.modules(plugin))
        self._problems.add(Problem(plugin, source.distribution, source.version, hook, message))
