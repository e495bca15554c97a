"""Every hook that a plugin may implement, in the order in which a run meets them.

A plugin is a module, a class instance or a single file whose functions are marked:

    from peercycle import hookimpl

    @hookimpl
    def register_rewards(register):
        register("shortest", lambda settings: Shortest())

An installed package names its module in the entry-point group `peercycle`; a single file is given as
`--plugin ./file.py`. Rules that hold for every hook:

- Take the arguments that you need, under the names given here; leave out the others.
- Implementations are plain functions, never coroutines, and are called one plugin at a time: what is built in
  first, then installed plugins by distribution, then files, then objects. `tryfirst` and `trylast` move an
  implementation in that order. Hook wrappers are refused: to put something around a stage, use `wrap_stage`.
- `requires_api = "1"` in the plugin says which version of this page it was written for.
- A `register_…` hook is called when a component of its kind is first asked for. It offers factories, does no
  I/O, and imports nothing heavy; a factory imports what it needs when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    import typer

    from peercycle.core.contracts import (
        Exporter,
        GraphBuilder,
        LanguageModel,
        LiteratureSource,
        Policy,
        Register,
        Reviewer,
        RewardFunction,
        Sandbox,
        Trainer,
    )
    from peercycle.core.events import AfterStage, BeforeStage, RunEnd, RunEvent

API_VERSION = "1.0"
"""Version of these hooks. Another major number breaks plugins; another minor one adds to them."""

hookspec = HookspecMarker("peercycle")
hookimpl = HookimplMarker("peercycle")
"""Marks a function as the implementation of the hook whose name it bears."""


# ------------------------------------------------------------------------------------ the tool starts


@hookspec
def register_commands(app: typer.Typer) -> None:
    """Add commands to the command line. A failure here is reported, and the command line goes on without them."""


# --------------------------------------------------------- a run is put together: components by name
#
# Each of these is handed `register(name, factory, settings_model=NoSettings)`. `factory(settings)` is given an
# instance of `settings_model`, validated, and returns the component; what it returns may be an async context
# manager, entered once per process. A name is letters, digits, `.`, `_` and `-`. Two plugins may offer one name:
# whoever asks for it then says `DISTRIBUTION:NAME`.


@hookspec
def register_models(register: Register[LanguageModel]) -> None:
    """Offer language models: engines, servers, test doubles."""


@hookspec
def register_policies(register: Register[Policy]) -> None:
    """Offer policies: who decides and writes."""


@hookspec
def register_reviewers(register: Register[Reviewer]) -> None:
    """Offer reviewers: who judges a paper. One may steer a run, another report on it."""


@hookspec
def register_rewards(register: Register[RewardFunction]) -> None:
    """Offer rewards: how what was said of a paper becomes the one number that candidates are compared by."""


@hookspec
def register_literature(register: Register[LiteratureSource]) -> None:
    """Offer sources of references."""


@hookspec
def register_sandboxes(register: Register[Sandbox]) -> None:
    """Offer backends that run programs which nobody has read."""


@hookspec
def extend_graph(builder: GraphBuilder) -> None:
    """Add, replace or wrap stages of the graph, and declare the channels that they keep.

    Called once for each graph that is built. A failure here stops the build: a run without a stage that was
    asked for would not be the run that was asked for.
    """


# ---------------------------------------------------------------------------------- a run goes on
#
# Each of these is handed one frozen dataclass, in a thread that belongs to the plugin, in the order in which
# things happened. Nothing that it raises or returns reaches the run. A plugin that does not return for long, or
# falls far behind, hears no more, and the run's log says so.


@hookspec
def before_stage(event: BeforeStage) -> None:
    """A stage is about to begin on a candidate."""


@hookspec
def on_event(event: RunEvent) -> None:
    """A line was added to the run's log: an outage, a limit met, a message."""


@hookspec
def after_stage(event: AfterStage) -> None:
    """A stage ended on a candidate; `event.error` says why, where it failed."""


# --------------------------------------------------------------------------------------- a run ends


@hookspec
def register_exporters(register: Register[Exporter]) -> None:
    """Offer writers of the paper (`scope = "paper"`) or of the report (`scope = "report"`)."""


@hookspec
def on_run_end(event: RunEnd) -> None:
    """A run ended, in whatever way; its terminal record is on disk."""


# ----------------------------------------------------------------------------------- runs become data


@hookspec
def register_trainers(register: Register[Trainer]) -> None:
    """Offer trainers: what makes a better policy of preference pairs."""


def hook_names() -> tuple[str, ...]:
    """Return the names of all hooks, in the order of this page."""
    return tuple(name for name, value in globals().items() if _is_spec(value))


def _is_spec(value: Any) -> bool:
    return getattr(value, "peercycle_spec", None) is not None
