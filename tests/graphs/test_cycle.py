"""The cycle runs to each of its endings."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peercycle.core.errors import StageError
from peercycle.core.runs import RunOptions
from peercycle.core.writing import CheckReport, Manuscript, PointOutcome, ResearchTask
from peercycle.graphs import publish
from peercycle.graphs.context import DriverContext
from peercycle.graphs.cycle import build_graph
from peercycle.graphs.driver import resume, start
from peercycle.graphs.launch import create_and_open, open_existing
from peercycle.graphs.publish import best_so_far
from peercycle.graphs.replay import replay
from peercycle.graphs.stages.judging import CheckStage
from peercycle.plugins.manager import Plugins
from peercycle.store.directory import read_run
from peercycle.store.runs import run_status

Options = Callable[..., RunOptions]
Kit = Callable[..., Plugins]


def settings(**judge: Any) -> dict[str, Any]:
    return {"reviewers": {"kit-judge": judge}}


def test_no_node_is_repeated_by_langgraph() -> None:
    """Its own predicate repeats what timed out, side effects and all; effects have rules of their own."""
    cycle = build_graph()
    graphs = {"cycle": cycle, **dict(cycle.get_subgraphs())}
    assert {"draft", "improve"} <= graphs.keys()
    for name, graph in graphs.items():
        for node, spec in graph.builder.nodes.items():
            policy = spec.retry_policy or graph.builder._node_defaults.retry_policy
            assert policy.max_attempts == 1 and not policy.retry_on(TimeoutError()), f"{name}: {node}"


def test_a_run_ends_at_its_round_limit_with_the_best_candidate(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    result = asyncio.run(start(task, options(settings=settings(ratings={"c0": 3, "c1": 6})), kit()))
    assert (result.status, result.reason, result.rounds) == ("finished", "round_limit", 1)
    assert [(row.candidate, row.round, row.reward) for row in result.candidates] == [
        ("c0", 0, 3.0),
        ("c1", 0, 6.0),
        ("c1", 1, 6.5),
    ]
    assert result.rating == 6.5
    assert result.paper is not None
    assert "Answers of round 1" in result.paper.latex
    assert (result.path / "paper" / "paper.tex").exists()
    assert json.loads((result.path / "report.json").read_text())["status"] == "finished"


def test_no_file_of_the_paper_or_the_report_holds_up_the_loop(
    task: ResearchTask, options: Options, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, bool] = {}
    write = publish.write_file

    def noted(root: Path, relative: str, body: bytes) -> None:
        written[relative] = threading.current_thread() is threading.main_thread()
        write(root, relative, body)

    monkeypatch.setattr(publish, "write_file", noted)
    asyncio.run(start(task, options(rounds=0), kit()))
    assert written == {"paper/paper.tex": False, "report.json": False}


def test_the_check_lists_no_number_that_the_topic_states(options: Options, kit: Kit) -> None:
    async def main() -> CheckReport:
        run = await create_and_open(
            ResearchTask(topic="what a dose of 0.35 does"), options(), kit(), None, in_loop=False
        )
        try:
            ctx = DriverContext(run, stage="check", candidate="c0", visit=1)
            paper = Manuscript(title="Doses", abstract="A dose of 0.35 gives 0.42.")
            updates = await CheckStage()({"manuscript": await ctx.save(paper)}, ctx)
            return await ctx.load(str(updates["check"]), CheckReport)
        finally:
            await run.close()

    assert [number.shown for number in asyncio.run(main()).numbers] == ["0.42"]


def test_a_run_ends_when_the_reviewer_accepts(task: ResearchTask, options: Options, kit: Kit) -> None:
    result = asyncio.run(start(task, options(rounds=5, settings=settings(accept_at=6.0)), kit()))
    assert (result.reason, result.rounds, result.rating) == ("accepted", 2, 6.0)


def test_a_revision_that_scores_worse_does_not_replace_the_best(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    result = asyncio.run(start(task, options(rounds=5, settings=settings(gain=-1.0)), kit()))
    assert (result.reason, result.rounds, result.rating) == ("no_gain", 1, 5.0)
    assert result.paper is not None
    assert "Answers of round" not in result.paper.latex


def test_a_kill_after_the_last_selection_of_an_extended_run_adds_no_round(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    first = asyncio.run(start(task, options(rounds=9, settings=settings(gain=-1.0)), kit()))
    more = asyncio.run(resume(first.path, kit(), {"patience": 2}))
    assert (more.reason, more.rounds) == ("no_gain", 3)
    record = json.loads((first.path / "run.json").read_text())
    (first.path / "run.json").write_text(json.dumps({**record, "terminal": None}))
    again = asyncio.run(resume(first.path, kit()))
    assert (again.reason, again.rounds) == ("no_gain", 3)


def test_one_failed_candidate_does_not_take_the_others_with_it(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    failing = {"policies": {"kit-policy": {"fail_stage": "write", "fail_candidate": "c0"}}}
    result = asyncio.run(start(task, options(settings=failing), kit()))
    assert result.status == "finished"
    failed = result.candidates[0]
    assert (failed.candidate, failed.status, failed.reward) == ("c0", "failed", None)
    assert failed.error == "write: scripted to fail at 'write'"


def test_a_run_of_failed_candidates_only_ends_as_failed_with_a_report(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    failing = {"policies": {"kit-policy": {"fail_stage": "write"}}}
    result = asyncio.run(start(task, options(settings=failing), kit()))
    assert (result.status, result.reason) == ("failed", "error")
    assert result.message == "every candidate failed: c0, c1: write: scripted to fail at 'write'"
    assert (result.path / "report.json").exists()


def test_every_point_ends_and_evidence_is_never_closed_by_text(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    result = asyncio.run(start(task, options(candidates=1), kit()))

    async def outcomes() -> list[PointOutcome]:
        run = read_run(result.path)
        ref = str((await run.candidates())[-1].state["outcomes"])
        return [PointOutcome.model_validate(o) for o in json.loads(await run.artifacts.get(ref))]

    ended = {outcome.text: outcome for outcome in asyncio.run(outcomes())}
    assert ended["Say more."].end == "done"
    assert ended["Say more."].artifact == result.candidates[-1].manuscript
    # Experiments are off: no execution can be the evidence.
    assert ended["evidence: Use more seeds."].end == "failed"


def test_a_judge_reports_and_steers_nothing(task: ResearchTask, options: Options, kit: Kit) -> None:
    judged = {"reviewers": {"kit-other-judge": {"default": 2.0, "gain": 0.0}}}
    result = asyncio.run(start(task, options(judge="kit-other-judge", settings=judged), kit()))
    assert result.rating == 2.0
    assert max(row.reward or 0 for row in result.candidates) == 5.5
    # What explains the number is the judge's: its scale and checks, not those of the reviewer that steered.
    assert result.rated_by is result.judgement
    assert result.rated_by is not None and result.rated_by.rating == 2.0
    assert result.assessment is not None and result.assessment.rating == 5.5


def test_a_finished_run_resumes_to_nothing_and_is_extended_by_rounds(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    first = asyncio.run(start(task, options(), kit()))
    again = asyncio.run(resume(first.path, kit()))
    assert (again.reason, again.rounds) == ("round_limit", 1)
    more = asyncio.run(resume(first.path, kit(), {"rounds": 3}))
    assert (more.reason, more.rounds, more.rating) == ("round_limit", 3, 6.5)


def test_replay_gives_the_same_artefacts_and_asks_the_world_nothing(
    task: ResearchTask, options: Options, kit: Kit
) -> None:
    result = asyncio.run(start(task, options(), kit()))
    report = asyncio.run(replay(result.path, kit()))
    assert report.differences == ()
    assert report.versions == 3
    assert report.effects > 20


def test_the_same_task_and_seed_give_the_same_artefacts(task: ResearchTask, options: Options, kit: Kit) -> None:
    one = asyncio.run(start(task, options(run_id="one"), kit()))
    two = asyncio.run(start(task, options(run_id="two"), kit()))
    other = asyncio.run(start(task, options(run_id="other", seed=1), kit()))
    assert [row.manuscript for row in one.candidates] == [row.manuscript for row in two.candidates]
    assert [row.manuscript for row in one.candidates] != [row.manuscript for row in other.candidates]


def test_every_query_is_searched_for_once(task: ResearchTask, options: Options, kit: Kit) -> None:
    result = asyncio.run(start(task, options(rounds=0), kit()))
    effects = asyncio.run(read_run(result.path).rows("effects"))
    searches = [(e["candidate"], e["stage"], e["request_sha256"]) for e in effects if e["kind"] == "search"]
    assert len(searches) == len(set(searches)) > 0


def test_the_best_version_so_far_may_have_a_reward_of_zero(task: ResearchTask, options: Options, kit: Kit) -> None:
    result = asyncio.run(start(task, options(candidates=1, settings=settings(default=-0.5)), kit()))
    assert [row.reward for row in result.candidates] == [-0.5, 0.0]

    async def main() -> Any:
        run = await open_existing(result.path, kit(), None, in_loop=False)
        try:
            return await best_so_far(run)
        finally:
            await run.close()

    assert asyncio.run(main())["round"] == 1


def test_a_second_task_on_a_callers_thread_gets_a_run_of_its_own(options: Options, kit: Kit) -> None:
    from langgraph.checkpoint.memory import InMemorySaver

    async def main() -> list[dict[str, Any]]:
        graph = build_graph(kit(), checkpointer=InMemorySaver())
        thread = {"configurable": {"thread_id": "mine"}}
        first = await graph.ainvoke({"topic": "sorting"}, thread, context=options(run_id="one"))
        second = await graph.ainvoke({"topic": "merging"}, thread, context=options(run_id="two", candidates=1))
        return [first["result"], second["result"]]

    first, second = asyncio.run(main())
    assert (first["run_id"], first["candidates"]) == ("one", 2)
    assert (second["run_id"], second["candidates"], second["rounds"]) == ("two", 1, 1)


def test_a_plain_call_that_fails_leaves_a_report_and_a_terminal_record(options: Options, kit: Kit) -> None:
    failing = {"policies": {"kit-policy": {"fail_stage": "write"}}}
    wanted = options(run_id="plain", settings=failing)

    async def main() -> None:
        with pytest.raises(StageError, match="every candidate failed"):
            await build_graph(kit()).ainvoke({"topic": "sorting"}, context=wanted)

    asyncio.run(main())
    path = Path(wanted.runs_dir) / "plain"
    assert run_status(path) == "failed"
    assert json.loads((path / "report.json").read_text())["reason"] == "error"
