"""A bench: a `StageContext` with a real journal, on which a component can be run, replayed and killed."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from peercycle.core import errors
from peercycle.core.base import JSON, canonical_json, sha256_hex
from peercycle.core.complaints import complaint_of
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import DamagedRunError, EffectError, ReplayDivergedError, SandboxError, UsageError
from peercycle.core.journal import EffectKey
from peercycle.core.literature import Reference
from peercycle.core.modelling import ModelRequest, ModelResult, Spent, Usage
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import ExecRequest, ExecResult
from peercycle.plugins.testing.children import kill_this_process, open_door
from peercycle.plugins.testing.journal import BenchArtifacts, BenchJournal, spelled

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Services:
    """What stands behind the bench's ways out."""

    model: LanguageModel | None = None
    works: tuple[Reference, ...] = ()
    """What a search finds: those that share a word with the query, most words first."""
    answer: Callable[[str, type[BaseModel]], BaseModel] | None = None
    """Answers `ctx.ask`."""
    execute: Callable[[ExecRequest, BenchArtifacts], Awaitable[ExecResult]] | None = None
    """Runs what goes to the sandbox."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that happens at one effect, or at one call."""

    at: int
    """Number of the effect, from 1, among those that the journal did not answer; or of the call."""
    what: Literal["kill before", "kill after", "kill call", "raise"]
    """`kill after`: the world was touched, and the journal does not know it. `kill call`: between two calls."""
    error: BaseException | None = None


class Bench:
    """A folder with a journal and artefacts, and the services that effects reach."""

    def __init__(
        self,
        folder: Path,
        services: Services,
        *,
        options: RunOptions | None = None,
        refuse: bool = False,
        disturbance: Disturbance | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.services = services
        self.options = options or RunOptions(run_id="bench", runs_dir=str(folder))
        self.journal = BenchJournal(folder / "journal.jsonl")
        self.artifacts = BenchArtifacts(folder / "artifacts")
        self.refuse = refuse
        self.disturbance = disturbance
        self.done = 0
        """Effects that the journal did not answer."""
        self.calls = 0
        """Contexts handed out."""
        self.missed: list[str] = []
        """Requests that a replay did not find, whether or not somebody caught the error."""
        self.logged: list[str] = []
        self.verdicts: dict[str, int | None] = {}
        """Which completion of each answer was accepted, by `call_id`."""

    def context(self, stage: str, *, candidate: str = "c0", visit: int = 1, seed: int | None = None) -> BenchContext:
        """Return the context of one visit of one stage."""
        self.calls += 1
        self._disturb(self.calls, "kill call")
        return BenchContext(self, stage, candidate, visit, self.options.seed if seed is None else seed)

    async def perform(self, key: EffectKey, request: JSON, fn: Callable[[], Awaitable[JSON]]) -> JSON:
        """Answer an effect from the journal, or do it and journal it."""
        known = self.journal.get(key)
        if known is None:
            known = await self._do(key, request, fn)
        if known.get("error_type"):
            kind = getattr(errors, str(known["error_type"]), EffectError)
            raise kind(known["error_message"])
        result: JSON = known["result"]
        return result

    async def _do(self, key: EffectKey, request: JSON, fn: Callable[[], Awaitable[JSON]]) -> dict[str, Any]:
        if self.refuse:
            line = f"stage {key.stage!r} asked for a {key.kind!r} effect that the journal does not hold: {request!r}"
            self.missed.append(line)
            raise ReplayDivergedError(line)
        self.done += 1
        number = self.done
        self._disturb(number, "kill before", "raise")
        try:
            with open_door():
                outcome: dict[str, JSON] = {"result": await fn()}
        except EffectError as error:
            outcome = {"error_type": type(error).__name__, "error_message": str(error)}
        self._note(key)
        self._disturb(number, "kill after")
        self.journal.add(key, **outcome)
        return self.journal.get(key) or {}

    def _disturb(self, number: int, *kinds: str) -> None:
        disturbance = self.disturbance
        if disturbance is None or disturbance.at != number or disturbance.what not in kinds:
            return
        if disturbance.error is not None:
            raise disturbance.error
        kill_this_process()

    def _note(self, key: EffectKey) -> None:
        """Write down that the world was touched, whatever the journal comes to know of it."""
        with (self.folder / "done.log").open("a", encoding="utf-8") as file:
            file.write(f"{spelled(key)}\n")

    def times_done(self) -> dict[str, int]:
        """Return how often each effect really happened, in all processes that used this folder."""
        path = self.folder / "done.log"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return {line: lines.count(line) for line in lines}


class BenchContext:
    """`StageContext` of one visit of one stage on a bench."""

    def __init__(self, bench: Bench, stage: str, candidate: str, visit: int, seed: int) -> None:
        self.stage = stage
        self.candidate = candidate
        self.visit = visit
        self.rng = random.Random(int(sha256_hex(f"{seed}|{candidate}|{stage}|{visit}".encode())[:16], 16))
        self._bench = bench
        self._asked: dict[tuple[str, str], int] = {}
        self.answers = 0
        """Answers of models so far."""

    @property
    def options(self) -> RunOptions:
        """The options of the run."""
        return self._bench.options

    @property
    def artifacts(self) -> BenchArtifacts:
        """The bench's artefacts."""
        return self._bench.artifacts

    def model(self, role: str = "default") -> LanguageModel:
        """Return the bench's model, journalled."""
        model = self._bench.services.model
        if model is None:
            raise UsageError(f"no model serves the role {role!r} on this bench; override `model` in the contract")
        return _JournalledModel(self, role, model)

    async def accept(self, result: ModelResult, choice: int | None = 0) -> None:
        """Keep the verdict."""
        if not result.call_id:
            raise UsageError("accept what `generate` returned: this answer has no call_id")
        self._bench.verdicts[result.call_id] = choice

    async def search(self, query: str, *, limit: int = 20) -> tuple[Reference, ...]:
        """Find works that share a word with the query."""

        async def find() -> JSON:
            words = set(query.lower().split())
            ranked = [(len(words & set(w.title.lower().split())), w) for w in self._bench.services.works]
            ranked.sort(key=lambda pair: -pair[0])
            return list[JSON]([work.model_dump(mode="json") for score, work in ranked if score][:limit])

        found = await self.effect("search", {"query": query, "limit": limit}, find)
        return tuple(Reference.model_validate(work) for work in found) if isinstance(found, list) else ()

    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return the bench's works with these ids."""
        known = {
            f"{scheme}:{value}": work for work in self._bench.services.works for scheme, value in work.ids.items()
        }

        async def find() -> JSON:
            return [None if work is None else work.model_dump(mode="json") for work in map(known.get, ids)]

        request: dict[str, JSON] = {"ask": "get", "ids": list[JSON](ids)}
        found = await self.effect("literature", request, find)
        listed = found if isinstance(found, list) else []
        return tuple(None if work is None else Reference.model_validate(work) for work in listed)

    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]:
        """Return nothing: the bench has no citation graph."""
        return ()

    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]:
        """Return nothing: the bench recommends no works."""
        return ()

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        """Run a program with what the contract gives for a sandbox."""
        execute = self._bench.services.execute
        if execute is None:
            raise SandboxError("this bench has no sandbox; override `execute` in the contract")

        async def run() -> JSON:
            return _dumped(await execute(request, self.artifacts))

        return ExecResult.model_validate(await self.effect("sandbox", _dumped(request), run))

    async def effect(
        self, kind: str, request: JSON, fn: Callable[[], Awaitable[JSON | Spent]], *, reserve: Usage | None = None
    ) -> JSON:
        """Do something to the world, effectively once; a bench has no budget, so that `reserve` always fits."""

        async def call() -> JSON:
            said = await fn()
            return said.result if isinstance(said, Spent) else said

        digest = sha256_hex(canonical_json(request))
        occurrence = self._asked.get((kind, digest), 0)
        self._asked[kind, digest] = occurrence + 1
        key = EffectKey(self.candidate, self.stage, self.visit, kind, digest, occurrence)
        return await self._bench.perform(key, request, call)

    async def ask(self, question: str, schema: type[ModelT]) -> ModelT:
        """Ask whoever the contract puts in a person's place."""
        answer = self._bench.services.answer
        if answer is None:
            raise UsageError(f"nobody answers {question!r} on this bench; override `answer` in the contract")

        async def reply() -> JSON:
            return answer(question, schema).model_dump(mode="json")

        request: JSON = {"question": question, "schema": schema.model_json_schema()}
        return schema.model_validate(await self.effect("ask", request, reply))

    async def now(self) -> float:
        """The same moment always: plays are compared."""

        async def clock() -> JSON:
            return 1_700_000_000.0

        moment = await self.effect("now", None, clock)
        assert isinstance(moment, float)
        return moment

    async def save(self, value: BaseModel) -> str:
        """Store a word."""
        return await self.artifacts.put(canonical_json(value), media_type="application/json")

    async def load(self, ref: str, kind: type[ModelT]) -> ModelT:
        """Read a word back."""
        try:
            return kind.model_validate_json(await self.artifacts.get(ref))
        except ValidationError as error:
            raise DamagedRunError(
                f"artefact {ref} is no {kind.__name__}: {complaint_of(error.errors()[0])}"
            ) from None

    async def log(self, message: str, **data: JSON) -> None:
        """Keep a message."""
        self._bench.logged.append(message)


class _JournalledModel:
    def __init__(self, context: BenchContext, role: str, model: LanguageModel) -> None:
        self._context, self._role, self._model = context, role, model

    async def generate(self, requests: Sequence[ModelRequest]) -> Sequence[ModelResult]:
        return [await self._one(request) for request in requests]

    async def _one(self, request: ModelRequest) -> ModelResult:
        async def call() -> JSON:
            (result,) = await self._model.generate([request])
            return _dumped(result)

        asked: JSON = {"role": self._role, "request": _dumped(request)}
        result = ModelResult.model_validate(await self._context.effect("model", asked, call))
        self._context.answers += 1
        place = f"{self._context.candidate}|{self._context.stage}|{self._context.visit}"
        return result.model_copy(update={"call_id": f"{place}|{self._context.answers}"})

    def worst_case(self, request: ModelRequest) -> Usage:
        return self._model.worst_case(request)


def _dumped(value: BaseModel) -> dict[str, JSON]:
    dumped = value.model_dump(mode="json")
    for name, entry in value:
        if isinstance(entry, frozenset):
            dumped[name] = sorted(entry)
    return dumped
