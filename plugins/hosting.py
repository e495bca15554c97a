"""Plugins taken in one at a time, checked, and called one at a time, so that whatever fails has a name."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pluggy

from peercycle.core.errors import PluginError
from peercycle.core.nearest import did_you_mean
from peercycle.plugins import hookspecs
from peercycle.plugins.loading import Source
from peercycle.plugins.places import told
from peercycle.plugins.registry import go_on_without, owner


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's implementation of one hook."""

    plugin: str
    hook: str
    function: Any
    argument_names: tuple[str, ...]
    trace: bool = False

    def __call__(self, **arguments: Any) -> None:
        """Call it with those of the arguments that it takes. What it raises passes."""
        given = {name: arguments[name] for name in self.argument_names}
        try:
            result = self.function(**given)
        except BaseException as error:
            self._trace(f"raised {type(error).__name__}: {error}")
            raise
        self._trace(f"-> {result!r}")

    def _trace(self, outcome: str) -> None:
        if self.trace:
            print(f"peercycle: {self.hook}: {self.plugin} {outcome}", file=sys.stderr)  # noqa: T201 - asked for


class Host:
    """The plugins of one manager, behind pluggy."""

    def __init__(self, *, trace: bool = False) -> None:
        self._pluggy = pluggy.PluginManager("peercycle")
        self._pluggy.add_hookspecs(hookspecs)
        self._trace = trace
        self.sources: dict[str, Source] = {}
        """What was taken in, by name, in order."""

    def admit(self, source: Source) -> None:
        """Import and register a plugin. Raises `PluginError` naming it, and then nothing of it stays."""
        try:
            plugin = source.load()
        except (Exception, SystemExit) as error:
            raise PluginError(_failure(source, f"failed to load: {type(error).__name__}: {error}")) from error
        if fault := _version_fault(getattr(plugin, "requires_api", None)):
            raise PluginError(_failure(source, fault))
        if other := self._pluggy.get_name(plugin):
            raise PluginError(_failure(source, f"is the same object as plugin {other!r}"))
        try:
            self._pluggy.register(plugin, source.name)
        except (Exception, SystemExit) as error:
            detail = " ".join(str(error).split())
            raise PluginError(_failure(source, f"was refused: {detail}")) from error
        if fault := self._hook_fault(plugin):
            self._pluggy.unregister(plugin, source.name)
            raise PluginError(_failure(source, fault))
        self.sources[source.name] = source

    def implementations(self, hook: str) -> list[Implementation]:
        """Return a hook's implementations in the order in which plugins were taken in, `tryfirst` ones before."""
        caller: pluggy.HookCaller = getattr(self._pluggy.hook, hook)
        position = {name: index for index, name in enumerate(self.sources)}
        found = sorted(caller.get_hookimpls(), key=lambda i: (i.trylast, not i.tryfirst, position[i.plugin_name]))
        return [
            Implementation(impl.plugin_name, hook, impl.function, tuple(impl.argnames), self._trace) for impl in found
        ]

    def hooks_of(self, name: str) -> tuple[str, ...]:
        """Return which hooks a plugin implements, in the order of the manual."""
        return tuple(h for h in hookspecs.hook_names() if any(i.plugin == name for i in self.implementations(h)))

    def modules(self, name: str | None = None) -> frozenset[str]:
        """Return the modules in which hooks are implemented: those of one plugin, or of all."""
        every = (i for hook in hookspecs.hook_names() for i in self.implementations(hook))
        return frozenset(i.function.__module__ for i in every if name in {None, i.plugin})

    def _hook_fault(self, plugin: object) -> str | None:
        callers = self._pluggy.get_hookcallers(plugin) or []
        if not callers:
            return "implements no hook: mark its functions with @hookimpl (from peercycle import hookimpl)"
        for caller in callers:
            (impl,) = (i for i in caller.get_hookimpls() if i.plugin is plugin)
            if not caller.has_spec() and not impl.optionalhook:
                return (
                    f"implements {caller.name!r}, which is no hook{did_you_mean(caller.name, hookspecs.hook_names())}"
                )
            if impl.wrapper or impl.hookwrapper:
                return f"wraps the hook {caller.name!r}; hooks are called one plugin at a time: use wrap_stage"
            if inspect.iscoroutinefunction(impl.function) or inspect.isgeneratorfunction(impl.function):
                return f"implements {caller.name!r} as a coroutine or generator; it must be a plain function"
        return None


def describe_failure(source: Source, hook: str, error: BaseException, modules: Iterable[str]) -> str:
    """Return the line for a plugin whose hook raised, and where in its modules."""
    return _failure(source, f"failed in {hook}: {told(error, modules)}")


def _failure(source: Source, what: str) -> str:
    where = f" ({source.origin})" if source.distribution is None and source.origin != source.name else ""
    advice = "" if source.explicit and source.file is None else f" {go_on_without(source.name)}"
    line = f"{owner(source.name, source.distribution, source.version)}{where} {what}".rstrip(".")
    return f"{line}.{advice}"


def _version_fault(required: object) -> str | None:
    """Return what is wrong between the hooks' version and the one that a plugin was written for."""
    if required is None:
        return None
    ours = hookspecs.API_VERSION
    if not isinstance(required, str) or not re.fullmatch(r"\d+(\.\d+)?", required):
        return f"has requires_api = {required!r}; it should be a string such as {ours.partition('.')[0]!r}"
    major, minor = _numbers(required)
    our_major, our_minor = _numbers(ours)
    if major != our_major:
        newer = "a newer peercycle" if major > our_major else "a newer version of the plugin"
        return f"was written for plugin API {required}, and this is API {ours}: it needs {newer}"
    if minor > our_minor:
        return f"was written for plugin API {required}, and this is API {ours}: it needs a newer peercycle"
    return None


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor or 0)
