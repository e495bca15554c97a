"""Every error that peercycle raises: one line that says what, with which value, and what to do.

The command line prints a `PeercycleError` on one line, without a traceback; anything else is a bug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peercycle.core.literature import Reference


class PeercycleError(Exception):
    """Base of all our errors.

    `ends_run`: raised inside a candidate's stage, it ends the whole run and not only that candidate.
    `exit_code`: what the command line exits with.
    `settled`: what failed stands in the journal, so that a resume comes to the same error.
    `requests_sent`: how many requests to online sources it cost; None where nobody counted.
    `raw`: what a service answered, where there is more of it than the message holds; the journal keeps it.
    """

    ends_run: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1
    settled: bool = False
    requests_sent: int | None = None
    raw: str | None = None


class UsageError(PeercycleError, ValueError):
    """What the caller asked for makes no sense; nothing was started."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown, or has a value of the wrong kind."""


class UnknownNameError(UsageError):
    """No plugin registered this name; the message lists the nearest ones."""


class BadInputError(PeercycleError, ValueError):
    """An input file cannot be used (empty, binary, no usable entry)."""

    exit_code = 2


# ---------------------------------------------------------------------------------------------- plugins


class PluginError(PeercycleError):
    """A plugin failed; the message names it, its distribution and how to go on without it."""


class PluginConflictError(PluginError, UsageError):
    """Two plugins claim one name, or replace one stage; the message names both."""

    exit_code = 2


# ------------------------------------------------------------------------------------------------ store


class StoreError(PeercycleError):
    """The run directory cannot be read or written; what it held before is untouched."""

    ends_run = True


class RunInUseError(StoreError):
    """Another process drives this run."""


class LeaseLostError(StoreError):
    """Another driver took this run over: nothing more may be written by this one."""


class RunVersionError(StoreError):
    """The run was written by a version whose format this one does not read."""


class DamagedRunError(StoreError):
    """A database or an artefact of the run is damaged; the message says which."""


class FingerprintError(PeercycleError):
    """What decides a run's content has changed since it began; the message names the keys."""

    exit_code = 2


# ------------------------------------------------------------------------------------- ways to the world


class OutageError(PeercycleError, ConnectionError):
    """A service cannot be reached now. Never an effect's outcome: the run waits or stops, by `on_outage`."""

    ends_run = True
    exit_code = 3


class BudgetExceededError(PeercycleError):
    """The next effect's worst case does not fit into what is left of the budget.

    `may_come_back`: it would fit if what is in flight used nothing, so it is worth waiting for that to settle.
    """

    ends_run = True
    exit_code = 3
    may_come_back: bool = False


class ReplayDivergedError(PeercycleError):
    """A replay asked for an effect that the journal does not hold; the message names stage and request."""

    ends_run = True


class EffectError(PeercycleError):
    """An effect failed for good. That is its outcome: journalled, and raised again on resume and replay."""

    settled = True


class ModelError(EffectError):
    """A model's service refused a request for good (a bad request, a content filter, a context overflow)."""


class ContextOverflowError(ModelError):
    """Prompt and answer do not fit into the model's context; ask with less."""


class ContentFilterError(ModelError):
    """The service's filter refused the prompt or withheld the answer."""


class ModelUnavailableError(PeercycleError):
    """An engine or its weights cannot be had here; the message says which page or command helps."""

    ends_run = True
    exit_code = 2


class UnparsableAnswerError(EffectError):
    """What a model said could not be parsed, after the re-asks; the raw text is kept in the journal."""


class LiteratureError(EffectError):
    """A literature source refused a request for good (bad request, not found)."""


class BadRequestError(LiteratureError):
    """A source does not understand what it was asked; asking again would not help."""


class WorkNotFoundError(LiteratureError):
    """A source knows no work of this id."""


class SourceUnavailableError(OutageError):
    """A source gives no usable answer now: down, out of reach, too slow, too large, or not speaking its format."""


class RateLimitedError(SourceUnavailableError):
    """A source asks to be left alone for a while; `retry_after` says for how many seconds, where it told."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PartialAnswerError(SourceUnavailableError):
    """A source broke off in the middle of a list; `found` is what it had told by then, the best first.

    An outage for whoever does not look at `found`: a list cut short never passes for a whole one.
    """

    def __init__(self, message: str, found: Sequence[Reference]) -> None:
        super().__init__(message)
        self.found = tuple(found)


class SandboxError(PeercycleError):
    """The sandbox failed, not the program in it. Never shown to a model as the program's output."""

    ends_run = True


class RefusedRequestError(SandboxError, EffectError):
    """What a program asks of the sandbox makes no sense (a path, a glob, an environment): its author is to mend it.

    Journalled, like whatever the program itself would have done; it ends the candidate, not the run.
    """

    ends_run = False
    exit_code = 2


class SandboxUnavailableError(SandboxError):
    """No sandbox meets the guarantees that the run names; the message says which canary failed and the fix."""

    exit_code = 2


# --------------------------------------------------------------------------------------------- training


class TrainingError(PeercycleError):
    """A training cannot go on (a loss that is not finite); what it saved before is whole, and says the step."""


class LoopError(PeercycleError):
    """A step of a training loop failed; what is done stands, and the same command goes on behind it."""


class StaleEngineError(LoopError):
    """An engine answered from other weights than those that it was to serve."""


# ------------------------------------------------------------------------------------------------ graph


class StageError(PeercycleError):
    """A stage failed on one candidate; the message names the stage."""


class StateError(StageError, ValueError):
    """A stage returned a value that is undeclared, not JSON, or too large for the state."""


class PolicyError(StageError):
    """A policy, reviewer or reward returned what its contract does not allow."""


class DisclosureError(PeercycleError):
    """An exporter dropped the statement that its output is machine-made."""

    ends_run = True
