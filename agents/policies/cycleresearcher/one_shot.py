"""The published one-shot inference: the model goes on in its own turn, and writes results and rest itself."""

from __future__ import annotations

from peercycle.agents.formats import cycleresearcher as format_
from peercycle.agents.formats.cycleresearcher import GeneratedPaper
from peercycle.agents.formats.plain import quoted
from peercycle.agents.policies.cycleresearcher.conversation import Conversation
from peercycle.agents.policies.cycleresearcher.manuscripts import sections_of
from peercycle.agents.policies.cycleresearcher.tables import HEADING
from peercycle.agents.structured.asking import RE_ASKS, seed_of
from peercycle.agents.structured.faults import fault_of
from peercycle.core.contracts import StageContext
from peercycle.core.errors import UnparsableAnswerError
from peercycle.core.modelling import Completion, ModelRequest, Sampling


async def imagine(conversation: Conversation, role: str, sampling: Sampling, ctx: StageContext) -> GeneratedPaper:
    """Return the whole turn, results and rest included; `text` is what stands for it in the conversation.

    No fault can be quoted in a turn that is the model's own: what cannot be used is sampled anew, at most twice.
    Raises `UnparsableAnswerError`; what was said is in the journal.
    """
    *asked, front = conversation.turns
    prefix = f"{front.content.rstrip()}\n\n{HEADING}\n\n```json\n"
    begun = {section.heading for section in sections_of(format_.parse(front.content).latex)}
    fault = last = ""
    for attempt in range(RE_ASKS + 1):
        label = "one shot" if attempt == 0 else f"one shot|{attempt}"
        request = ModelRequest(
            messages=tuple(asked), sampling=sampling, seed=seed_of(ctx, label), assistant_prefix=prefix
        )
        (result,) = await ctx.model(role).generate([request])
        said = result.completions[0]
        paper, last = format_.parse(prefix + said.text), said.text
        fault = _fault(said, paper, begun)
        await ctx.accept(result, None if fault else 0)
        if not fault:
            return paper
        await ctx.log(f"simulated results: answer {attempt + 1} of {RE_ASKS + 1} was not taken: {fault}")
    raise UnparsableAnswerError(
        f"simulated results: no answer of {RE_ASKS + 1} could be used; the last: {fault}; it begins {quoted(last)} and is "
        f"whole in the run's completions"
    )


def _fault(said: Completion, paper: GeneratedPaper, begun: set[str]) -> str:
    """Return why an answer cannot be used; nothing where it can, also where the limit cut its end."""
    results = paper.experimental_results
    if not isinstance(results, list) or not any(isinstance(entry, dict) for entry in results):
        return fault_of(said, None) or "it has no list of results in a json block"
    if all(section.heading in begun for section in sections_of(paper.latex)):
        return fault_of(said, None) or "it has no section after the results"
    return ""
