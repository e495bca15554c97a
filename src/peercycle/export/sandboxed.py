"""A program that an exporter needs, in the run's sandbox."""

from __future__ import annotations

from peercycle.core.base import JSON
from peercycle.core.contracts import StageContext
from peercycle.core.errors import BudgetExceededError, SandboxError
from peercycle.core.sandboxing import ExecRequest, ExecResult


async def run_sandboxed(kind: str, asked: JSON, request: ExecRequest, ctx: StageContext) -> ExecResult | str:
    """Run a program as the effect `kind` of what is `asked`; or return why it cannot be run here.

    That it cannot is an outcome too, and journalled: a replay has no sandbox, and must not look for one.
    """

    async def attempt() -> JSON:
        try:
            result = await ctx.run_sandbox(request)
        except (SandboxError, BudgetExceededError) as error:
            return {"refused": str(error)}
        answer = result.model_dump(mode="json")
        return {"result": {**answer, "guarantees": sorted(answer["guarantees"])}}

    answer = await ctx.effect(kind, asked, attempt)
    assert isinstance(answer, dict)
    return ExecResult.model_validate(answer["result"]) if "result" in answer else str(answer["refused"])
