"""The stage context of a driven run: every way out of a component, journalled and paid for."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from peercycle.core.base import JSON, canonical_json, sha256_hex
from peercycle.core.complaints import complaint_of
from peercycle.core.contracts import LanguageModel
from peercycle.core.errors import DamagedRunError, SandboxError, UsageError
from peercycle.core.journal import ArtifactStore, EffectKey, Question
from peercycle.core.literature import Reference
from peercycle.core.modelling import ModelResult, Spent, Usage
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import ExecRequest, ExecResult
from peercycle.graphs import sources
from peercycle.graphs.effects import Answer, Effects, id_at
from peercycle.graphs.models import HOW_TO_NAME, JournalledModel
from peercycle.graphs.stopwatch import Stopwatch

if TYPE_CHECKING:
    from peercycle.graphs.openrun import OpenRun

ModelT = TypeVar("ModelT", bound=BaseModel)

NOTHING = Usage()
"""What an effect uses that costs nothing."""

SHARED_WORDS = 128
"""How many words a run keeps at hand, the oldest going first."""


class DriverContext:
    """`StageContext` over an open run, for one visit of one stage."""

    def __init__(self, run: OpenRun, *, stage: str, candidate: str, visit: int, seed: int | None = None) -> None:
        self.stage = stage
        self.candidate = candidate
        self.visit = visit
        self._run = run
        self._answered: dict[str, EffectKey] = {}
        self._effects = Effects(
            store=run.store,
            candidate=candidate,
            stage=stage,
            visit=visit,
            finishing=stage == "finish",
            on_outage=run.wait_through,
            room=run.room,
        )
        self._seed = run.options.seed if seed is None else seed
        self._rng: random.Random | None = None

    @property
    def rng(self) -> random.Random:
        """Random numbers of this place of the run, the same after any crash."""
        if self._rng is None:
            place = f"{self._seed}|{self.candidate}|{self.stage}|{self.visit}"
            self._rng = random.Random(int(sha256_hex(place.encode())[:16], 16))
        return self._rng

    @property
    def options(self) -> RunOptions:
        """The run's options."""
        return self._run.options

    @property
    def artifacts(self) -> ArtifactStore:
        """The run's artefacts."""
        return self._run.store.artifacts

    @property
    def run(self) -> OpenRun:
        """The open run: for our own stages; a plugin's stage keeps to the protocol."""
        return self._run

    @property
    def effects(self) -> Effects:
        """The effects of this visit: for our own stages."""
        return self._effects

    def model(self, role: str = "default") -> LanguageModel:
        """Return the model that serves a role."""
        served = self._run.models.get(role) or self._run.models.get("default")
        if served is None:
            raise UsageError(f"no model serves the role {role!r}: {HOW_TO_NAME}")
        return JournalledModel(
            role=role,
            choice=served.choice,
            model=served.model,
            engine=served.engine,
            effects=self._effects,
            store=self._run.store,
            answered=self._answered,
        )

    async def accept(self, result: ModelResult, choice: int | None = 0) -> None:
        """Log which of an answer's completions was used."""
        key = self._answered.get(result.call_id)
        if key is None:
            raise UsageError(
                f"no model of this stage gave the answer {result.call_id!r}; accept what `generate` returned"
            )
        if choice is not None and not 0 <= choice < len(result.completions):
            raise UsageError(f"the answer has {len(result.completions)} completions and none number {choice}")
        await self._run.store.accept_completion(key, choice)

    @property
    def _as_seen(self) -> Any:
        # A checker that reads this file by both of its paths takes its class and the one `sources` names for two.
        return self

    async def search(self, query: str, *, limit: int = 20) -> tuple[Reference, ...]:
        """Ask every configured literature source, and fuse their answers."""
        return await sources.search(self._as_seen, query, limit)

    async def get(self, ids: Sequence[str]) -> tuple[Reference | None, ...]:
        """Return one answer per id, joined of what the sources know."""
        return await sources.get(self._as_seen, ids)

    async def expand(
        self, work_id: str, direction: Literal["references", "citations"], *, limit: int = 100
    ) -> tuple[Reference, ...]:
        """Return what a work cites, or what cites it."""
        return await sources.expand(self._as_seen, work_id, direction, limit)

    async def recommend(self, like: Sequence[str], *, limit: int = 20) -> tuple[Reference, ...]:
        """Return works like these."""
        return await sources.recommend(self._as_seen, like, limit)

    async def run_sandbox(self, request: ExecRequest) -> ExecResult:
        """Run a program in the run's sandbox, where it holds the guarantees that the run names."""
        request = request.model_copy(update={"requires": request.requires & frozenset(self.options.guarantees)})
        asked = request.model_dump(mode="json")
        asked["requires"] = sorted(asked["requires"])
        if request.script is None:
            # The key of a request must not change with what requests have learned to say.
            del asked["script"]
        key = self._effects.key("sandbox", asked)

        watch = Stopwatch()

        def used() -> Usage:
            # Ending a program takes a moment, which is none of its own time.
            return Usage(sandbox_seconds=min(watch.seconds, request.limits.wall_s))

        async def execute() -> Answer:
            watch.seconds = 0.0  # another try after an outage is measured anew
            async with self._run.sandbox_slots():
                result = await self._run.execute(request, watch)
            if result.status == "sandbox_error":
                raise SandboxError(
                    f"the sandbox {result.backend!r} failed: {result.problem or 'it does not say how'}"
                )
            return result.model_dump(mode="json"), Usage(sandbox_seconds=result.duration_s)

        most = Usage(sandbox_seconds=request.limits.wall_s)
        outcome = await self._effects.perform(key, asked, most, execute, used)
        result = ExecResult.model_validate(outcome.result)
        return result.model_copy(update={"execution_id": id_at(key, "e")})

    async def effect(
        self, kind: str, request: JSON, fn: Callable[[], Awaitable[JSON | Spent]], *, reserve: Usage | None = None
    ) -> JSON:
        """Do something else to the world, effectively once; what returns no `Spent` used all that was reserved."""
        most = reserve or NOTHING

        async def call() -> Answer:
            said = await fn()
            return (said.result, said.usage) if isinstance(said, Spent) else (said, most)

        return (await self._effects.perform(self._effects.key(kind, request), request, most, call)).result

    async def ask(self, question: str, schema: type[ModelT]) -> ModelT:
        """Ask a person; the run waits until there is an answer."""
        request: JSON = {"question": question, "schema": schema.model_json_schema()}
        key = self._effects.key("ask", request)
        journalled = await self._run.store.find_effect(key)
        if journalled is None:
            # Looked up before the effect begins: an interrupt must leave no intent behind.
            value = await self._answer_to(id_at(key, "q"), question, schema)

            async def known() -> Answer:
                return value, NOTHING

            journalled = await self._effects.perform(key, request, NOTHING, known)
        return schema.model_validate(journalled.result)

    async def _answer_to(self, question_id: str, question: str, schema: type[ModelT]) -> JSON:
        from langgraph.types import interrupt

        asked = {q.id: q for q in await self._run.store.questions()}
        text, current, tries = question, question_id, 1
        while (known := asked.get(current)) is not None and known.answered:
            try:
                return schema.model_validate(known.answer).model_dump(mode="json")
            except ValidationError as error:
                # An answer that does not fit stays on record, and a new question says what was wrong with it.
                text = f"{question} (the answer given does not fit: {complaint_of(error.errors()[0])})"
                tries += 1
                current = f"{question_id}-{tries}"
        form = schema.model_json_schema()
        if known is None:
            waiting = Question(id=current, question=text, schema=form, candidate=self.candidate, stage=self.stage)
            await self._run.store.save_question(waiting)
        given = interrupt({"id": current, "question": text, "schema": form})
        return schema.model_validate(given).model_dump(mode="json")

    async def now(self) -> float:
        """UTC time, seconds since the epoch, journalled."""

        async def clock() -> JSON:
            return time.time()

        moment = await self.effect("now", None, clock)
        assert isinstance(moment, int | float)
        return float(moment)

    async def save(self, value: BaseModel) -> str:
        """Store a word as canonical JSON."""
        name = type(value).__name__
        return await self.artifacts.put(canonical_json(value), media_type="application/json", name=f"{name}.json")

    async def load(self, ref: str, kind: type[ModelT]) -> ModelT:
        """Read a word back, validated. Words are frozen, so the latest ones are shared between the stages."""
        known = self._run.words
        if isinstance(word := known.get((ref, kind)), kind):
            return word
        try:
            word = kind.model_validate_json(await self.artifacts.get(ref))
        except ValidationError as error:
            raise DamagedRunError(
                f"artefact {ref} is no {kind.__name__} ({complaint_of(error.errors()[0])}); stored by another version?"
            ) from None
        if len(known) >= SHARED_WORDS:
            del known[next(iter(known))]
        known[ref, kind] = word
        return word

    async def log(self, message: str, **data: JSON) -> None:
        """Add an event to the run's log."""
        await self.emit("log", message, **data)

    async def emit(self, kind: str, message: str = "", **data: JSON) -> None:
        """Add an event of any kind, at this place."""
        await self._run.emit(kind, message, candidate=self.candidate, stage=self.stage, visit=self.visit, data=data)
