"""Components by kind and name: who offers them, and how one is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from peercycle.core.errors import (
    BadInputError,
    PeercycleError,
    PluginConflictError,
    PluginError,
    SettingsError,
    UnknownNameError,
)
from peercycle.core.nearest import did_you_mean
from peercycle.plugins.loading import Source

if TYPE_CHECKING:
    from pydantic import BaseModel

    from peercycle.core.base import JSON
    from peercycle.core.contracts import Register

# pydantic and the contracts are imported when a component is registered or made: the command line's help, which
# only lists commands, is not to wait for them.

Kind = Literal["models", "policies", "reviewers", "rewards", "literature", "sandboxes", "trainers", "exporters"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SINGULAR: dict[Kind, str] = {
    "models": "model backend",
    "policies": "policy",
    "reviewers": "reviewer",
    "rewards": "reward",
    "literature": "literature source",
    "sandboxes": "sandbox",
    "trainers": "trainer",
    "exporters": "exporter",
}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Registration:
    """A component that a plugin offers."""

    kind: Kind
    name: str
    factory: Callable[[Any], Any]
    settings_model: type[BaseModel]
    plugin: str
    distribution: str | None
    """None for a single file and for an object."""
    version: str | None

    @property
    def owner(self) -> str:
        """Who offers it, for messages: plugin, distribution and version."""
        return owner(self.plugin, self.distribution, self.version)

    def answers_to(self, qualifier: str) -> bool:
        """Tell whether `QUALIFIER:NAME` means this one: its distribution's name, or its plugin's."""
        return qualifier in (self.distribution, self.plugin)


def owner(plugin: str, distribution: str | None, version: str | None) -> str:
    """Return how messages call a plugin."""
    if distribution is None:
        return f"plugin {plugin!r}"
    return f"plugin {plugin!r} of {distribution}{f' {version}' if version else ''}"


def go_on_without(plugin: str) -> str:
    """Return the advice that ends every message about a broken plugin."""
    return f"Set PEERCYCLE_DISABLE_PLUGINS={plugin} (or give -p no:{plugin}) to go on without it."


class Registry:
    """The components of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind: Kind = kind
        self._offers: dict[str, list[Registration]] = {}

    def add(self, registration: Registration) -> None:
        """Keep an offer. Raises `PluginError` where the offer itself makes no sense."""
        from pydantic import BaseModel

        name, what = registration.name, SINGULAR[self.kind]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise PluginError(f"{what} name {name!r} is not letters, digits, '.', '_' and '-'")
        if not callable(registration.factory):
            raise PluginError(f"the factory of {what} {name!r} is {registration.factory!r}, which cannot be called")
        model = registration.settings_model
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            raise PluginError(f"the settings model of {what} {name!r} is {model!r}, which is no pydantic model")
        offers = self._offers.setdefault(name, [])
        if any(offer.plugin == registration.plugin for offer in offers):
            raise PluginError(f"{what} {name!r} is registered twice")
        offers.append(registration)

    def registrar(self, source: Source) -> Register[Any]:
        """Return the `register` that one plugin is handed."""

        def register(name: str, factory: Callable[[Any], Any], settings_model: type[BaseModel] | None = None) -> None:
            from peercycle.core.contracts import NoSettings

            who = (source.name, source.distribution, source.version)
            model = NoSettings if settings_model is None else settings_model
            self.add(Registration(self.kind, name, factory, model, *who))

        return register

    def names(self) -> tuple[str, ...]:
        """Return every name on offer, sorted; a name that two plugins claim is qualified, once for each."""
        found: list[str] = []
        for name, offers in self._offers.items():
            found += [name] if len(offers) == 1 else [_qualified(offer, offers) for offer in offers]
        return tuple(sorted(found))

    def find(self, name: str) -> Registration:
        """Return the offer of this name, or of `DISTRIBUTION:NAME`.

        Raises `UnknownNameError`, or `PluginConflictError` where several plugins claim it.
        """
        qualifier, _, bare = name.rpartition(":")
        claims = self._offers.get(bare, [])
        offers = [offer for offer in claims if not qualifier or offer.answers_to(qualifier)]
        if len(offers) == 1:
            return offers[0]
        if not offers:
            raise UnknownNameError(self._unknown(name))
        owners = " and ".join(offer.owner for offer in offers)
        choices = " or ".join(repr(_qualified(offer, claims)) for offer in offers)
        raise PluginConflictError(f"{SINGULAR[self.kind]} {name!r} is registered by {owners}; say {choices}")

    def offered_by(self, plugin: str) -> tuple[Registration, ...]:
        """Return what one plugin offers, in its order."""
        return tuple(o for offers in self._offers.values() for o in offers if o.plugin == plugin)

    def _unknown(self, name: str) -> str:
        names = self.names()
        listed = ", ".join(names) or "none"
        hint = did_you_mean(name, names) or "."
        known = "backends" if self.kind == "models" else self.kind
        return f"no {SINGULAR[self.kind]} is called {name!r}{hint} Known {known}: {listed}."


def make(registration: Registration, settings: Mapping[str, JSON]) -> Any:
    """Validate the settings and call the factory.

    Raises `SettingsError`; an error of ours that the factory raises, with a note of who raised it where it is no
    mistake in settings or input; `PluginError` for any other.
    """
    what, values = _described(registration), require_settings(registration, settings)
    try:
        return registration.factory(values)
    except (SettingsError, BadInputError):
        # A setting or a file to mend: the line says it, and who read it is of no use to whoever wrote it.
        raise
    except PeercycleError as error:
        error.add_note(f"raised by the factory of {what}")
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"the factory of {what} failed: {type(error).__name__}: {error}. {go_on_without(registration.plugin)}"
        ) from error


def require_settings(registration: Registration, settings: Mapping[str, JSON]) -> BaseModel:
    """Return the settings of a component as its own model. Raises `SettingsError` naming each bad key."""
    from peercycle.plugins.validation import validated

    return validated(registration.settings_model, settings, _described(registration))


def _described(registration: Registration) -> str:
    return f"{SINGULAR[registration.kind]} {registration.name!r} ({registration.owner})"


def _qualified(offer: Registration, among: Iterable[Registration]) -> str:
    """Return the shortest qualified name that means this offer alone."""
    same = [other for other in among if other.distribution == offer.distribution]
    prefix = offer.distribution if offer.distribution and len(same) == 1 else offer.plugin
    return f"{prefix}:{offer.name}"
