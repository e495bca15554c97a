"""Runs for the trainers' tests, written through the store's own functions: tokens are bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from peercycle.agents.models import bytes_tokenizer as tokenizer
from peercycle.core.base import artifact_ref, canonical_json, sha256_hex
from peercycle.core.journal import CandidateRow, EffectKey
from peercycle.core.modelling import Completion, Message, ModelRequest, ModelResult
from peercycle.core.reviews import Assessment, Reward
from peercycle.core.runs import RunOptions, RunRecord, RunStatus, Terminal
from peercycle.core.writing import ResearchTask
from peercycle.store.directory import create_run

GRAPH = {"draft": ["outline", "related", "write", "plan", "experiment", "conclude", "check", "review"]}


@dataclass(frozen=True, slots=True)
class Said:
    """One completion as it is logged."""

    text: str
    messages: tuple[Message, ...] = (Message(role="user", content="Write on rivers."),)
    stage: str = "write"
    role: str = "policy"
    visit: int = 1
    finish: str = "stop"
    accepted: bool | None = None
    ids: bool = True
    prompt_ids: tuple[int, ...] | None = None
    tokenizer_hash: str = tokenizer.TOKENIZER_HASH
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """One candidate as it is logged."""

    said: tuple[Said, ...]
    reward: float | None = None
    failed: bool = False
    spread: tuple[int, float] = (1, 0.0)
    judge: float | None = None


def draft(text: str, reward: float | None, **said: Any) -> Draft:
    """Return a candidate of one completion."""
    return Draft((Said(text, **said),), reward)


def logged_run(
    folder: Path, run_id: str, drafts: Sequence[Draft], *, topic: str = "rivers", status: str | None = "finished"
) -> Path:
    """Write a run directory whose candidates are `drafts`."""
    return asyncio.run(_logged(folder, run_id, drafts, topic, status))


async def _logged(folder: Path, run_id: str, drafts: Sequence[Draft], topic: str, status: str | None) -> Path:
    task = ResearchTask(topic=topic)
    record = RunRecord(
        run_id=run_id,
        created_at=1_700_000_000.0,
        peercycle_version="0.1.0",
        options=RunOptions(policy="scripted", candidates=max(1, len(drafts))),
        task=artifact_ref(canonical_json(task)),
        fingerprint={"graph": {name: list(stages) for name, stages in GRAPH.items()}},
    )
    run = await create_run(folder, record, task, in_loop=False)
    try:
        for number, one in enumerate(drafts):
            name = f"c{number}"
            for place, said in enumerate(one.said):
                await _say(run, name, place, said)
            await run.save_candidate(
                CandidateRow(
                    name, 0, "failed" if one.failed else "complete", reward=None if one.failed else one.reward
                )
            )
            n, spread = one.spread
            reward = Reward(value=one.reward, n=n, spread=spread)
            await run.save_assessment(name, 0, "reviewer", Assessment(), reward)
        if status is not None:
            ended = Terminal(status=cast(RunStatus, status), reason="round_limit", at=1_700_000_001.0)
            await run.write_record(record.model_copy(update={"terminal": ended}))
    finally:
        await run.close()
    return folder / run_id


async def _say(run: Any, candidate: str, place: int, said: Said) -> None:
    request = ModelRequest(messages=said.messages)
    key = EffectKey(candidate, said.stage, said.visit, "model", sha256_hex(canonical_json(request)), place)
    prompt = said.prompt_ids if said.prompt_ids is not None else tokenizer.prompt_ids(request)
    completion = Completion(
        text=said.text,
        reasoning=said.reasoning,
        finish_reason=said.finish,
        prompt_token_ids=prompt if said.ids else None,
        completion_token_ids=tokenizer.encode(said.text) if said.ids else None,
    )
    result = ModelResult(
        completions=(completion,),
        model="scripted",
        tokenizer_hash=said.tokenizer_hash,
        template_hash=tokenizer.TEMPLATE_HASH,
    )
    await run.save_completions(key, said.role, request, result, said.accepted)
