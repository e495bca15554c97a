"""The cycle from Python: functions, a notebook's loop, and the graph inside other LangGraph programs."""

from __future__ import annotations

import asyncio
import json
import threading
from importlib import import_module
from pathlib import Path
from typing import Any, TypedDict

import pytest

import peercycle
from peercycle import hookimpl
from peercycle.core.events import RunEnd
from peercycle.plugins.manager import Plugins

BIBLIOGRAPHY = """
@article{networks, title = {Sorting networks and their depth}, author = {Byron, Ada}, year = {1990},
  abstract = {We bound the depth of networks that sort.}}
@article{merging, title = {Merging in parallel}, author = {Hopper, Grace}, year = {1991},
  abstract = {Two sorted lists are merged by many processors.}}
"""
TASK = {"topic": "sorting networks", "bibliography": BIBLIOGRAPHY}


def quick(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Options of a cycle of scripted parts, without experiments."""
    return {
        "runs_dir": str(tmp_path / "runs"),
        "policy": "scripted",
        "reviewer": "scripted",
        "experiments": "off",
        "sandbox": "none",
        "exporters": ("latex", "report"),
        "rounds": 1,
        **changes,
    }


def options(tmp_path: Path, **changes: Any) -> peercycle.RunOptions:
    return peercycle.RunOptions.model_validate(quick(tmp_path, **changes))


def test_research_returns_what_the_run_came_to(tmp_path: Path) -> None:
    run = peercycle.research("sorting networks", BIBLIOGRAPHY, **quick(tmp_path, candidates=2))
    assert (run.status, run.reason, run.rating, run.rounds) == ("finished", "round_limit", 5.0, 1)
    assert run.paper is not None
    assert run.paper.title.startswith("On sorting networks")
    assert run.assessment is not None
    assert run.assessment.rating == 5.0
    assert [(row.candidate, row.round) for row in run.candidates] == [("c0", 0), ("c0", 1), ("c1", 0)]
    assert (run.path / "report.md").is_file()


class Ear:
    """A plugin that listens."""

    @hookimpl
    def on_run_end(self, event: RunEnd) -> None:
        """Hear it."""


def test_a_program_that_researches_again_and_again_keeps_no_listener_of_an_earlier_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Plugins.load
    monkeypatch.setattr(Plugins, "load", lambda **how: load(Ear(), **how))
    heard: set[threading.Thread] = set()
    tell = Plugins.on_run_end

    def noted(self: Plugins, event: RunEnd) -> None:
        tell(self, event)
        heard.update(each for each in threading.enumerate() if each.name == "peercycle-events-Ear")

    monkeypatch.setattr(Plugins, "on_run_end", noted)
    peercycle.research("sorting", BIBLIOGRAPHY, **quick(tmp_path, rounds=0))
    assert len(heard) == 1
    for thread in heard:
        thread.join(5)
        assert not thread.is_alive()


def test_research_works_where_a_loop_is_running_as_in_a_notebook(tmp_path: Path) -> None:
    async def cell() -> Any:
        return peercycle.research("sorting networks", BIBLIOGRAPHY, **quick(tmp_path, rounds=0))

    assert asyncio.run(cell()).status == "finished"


def test_an_error_in_a_notebook_is_the_same_as_elsewhere(tmp_path: Path) -> None:
    async def cell() -> None:
        peercycle.research("sorting networks", BIBLIOGRAPHY, **quick(tmp_path, policy="scriptd"))

    with pytest.raises(peercycle.PeercycleError, match="did you mean 'scripted'"):
        asyncio.run(cell())
    with pytest.raises(peercycle.PeercycleError, match="did you mean 'scripted'"):
        peercycle.research("sorting networks", BIBLIOGRAPHY, **quick(tmp_path, policy="scriptd"))
    assert not (tmp_path / "runs").exists()


def test_aresearch_many_answers_for_each_task_alike(tmp_path: Path) -> None:
    fails = {"policies": {"scripted": {"fail_stage": "write"}}}
    tasks = [{"topic": "sorting", "bibliography": BIBLIOGRAPHY}, {"topic": "merging", "bibliography": BIBLIOGRAPHY}]
    good = asyncio.run(peercycle.aresearch_many(tasks, parallel=2, **quick(tmp_path, rounds=0)))
    bad = asyncio.run(peercycle.aresearch_many(tasks[:1], **quick(tmp_path, run_id="x", settings=fails)))
    taken = asyncio.run(peercycle.aresearch_many(tasks[:1], **quick(tmp_path, run_id="x")))
    assert [run.status for run in (*good, *bad, *taken)] == ["finished", "finished", "failed", "failed"]
    assert all(run.path is not None and run.path.is_dir() for run in (*good, *bad))
    assert [run.paper is not None for run in (*good, *bad, *taken)] == [True, True, False, False]
    assert (taken[0].path, taken[0].reason, taken[0].candidates) == (None, "error", ())
    assert "exists already" in taken[0].message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"candidates": 0}, "option 'candidates': input should be greater than or equal to 1$"),
        ({"candidats": 2}, "there is no option 'candidats'; did you mean 'candidates'"),
        ({"zzzzzzzz": 2}, "there is no option 'zzzzzzzz'; RunOptions has: run_id"),
        ({"budget": {"tokens": 0}}, "option 'budget.tokens'"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(peercycle.PeercycleError, match=message):
        peercycle.research("sorting", BIBLIOGRAPHY, **quick(tmp_path, **given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bibliography": 3}, "^bibliography is 3, of type int; give a path, BibTeX text or a Bibliography$"),
        ({"topic": None}, "^topic is None, of type NoneType; give a few words$"),
        ({"experiment": 1.5}, "^experiment is 1.5, of type float; give the path of a Python program$"),
    ],
)
def test_an_argument_of_another_type_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(peercycle.PeercycleError, match=message):
        peercycle.research(**{"topic": "sorting", **given})


def test_a_plain_ainvoke_gives_a_journalled_run(tmp_path: Path) -> None:
    async def main() -> Any:
        return await peercycle.build_graph().ainvoke(TASK, context=options(tmp_path, candidates=2))

    result = asyncio.run(main())["result"]
    assert (result["status"], result["reason"], result["candidates"], result["rounds"]) == (
        "finished",
        "round_limit",
        2,
        1,
    )
    assert json.loads((Path(result["path"]) / "run.json").read_text())["terminal"]["status"] == "finished"
    assert (Path(result["path"]) / "report.md").is_file()


def test_a_context_may_be_a_plain_mapping(tmp_path: Path) -> None:
    async def main() -> Any:
        return await peercycle.build_graph().ainvoke(TASK, context=quick(tmp_path, rounds=0))

    assert asyncio.run(main())["result"]["status"] == "finished"


@pytest.mark.parametrize("asked", [{"plugins": ("mine.py",)}, {"disabled_plugins": ("somebodys",)}])
def test_a_context_that_asks_for_other_plugins_than_the_graphs_is_refused(tmp_path: Path, asked: Any) -> None:
    graph = peercycle.build_graph()
    with pytest.raises(peercycle.PeercycleError, match=r"built without .* 'mine.py'|built without .* 'somebodys'"):
        asyncio.run(graph.ainvoke(TASK, context=options(tmp_path, **asked)))
    assert not (tmp_path / "runs").exists()


def test_a_context_may_name_the_plugin_files_that_the_graph_has(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("from peercycle import hookimpl\n\n\n@hookimpl\ndef on_run_end(event):\n    pass\n")
    graph = peercycle.build_graph(Plugins.load(files=[str(mine)]))
    result = asyncio.run(graph.ainvoke(TASK, context=options(tmp_path, plugins=(str(mine),), rounds=0)))
    assert result["result"]["status"] == "finished"


def test_a_plugin_file_is_the_same_however_its_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, elsewhere = tmp_path / "mine.py", tmp_path / "elsewhere"
    mine.write_text("from peercycle import hookimpl\n\n\n@hookimpl\ndef on_run_end(event):\n    pass\n")
    elsewhere.mkdir()
    (elsewhere / "link.py").symlink_to(mine)
    monkeypatch.chdir(tmp_path)
    plugins = Plugins.load(files=["mine.py"])
    monkeypatch.chdir(elsewhere)
    for name in (str(mine), "../mine.py", "link.py"):
        assert plugins.lacking([name], ()) == ()
    assert plugins.lacking(["mine.py"], ()) == ("mine.py",), "there is none here"
    graph = peercycle.build_graph(plugins)
    result = asyncio.run(graph.ainvoke(TASK, context=options(tmp_path, plugins=(str(mine),), rounds=0)))
    assert result["result"]["status"] == "finished"


def test_a_stream_tells_of_every_stage_of_every_candidate(tmp_path: Path) -> None:
    async def main() -> list[tuple[str, str]]:
        stream = peercycle.build_graph().astream(
            TASK, context=options(tmp_path, candidates=2), stream_mode="updates", subgraphs=True
        )
        return [
            (place[0].partition(":")[0] if place else "", stage) async for place, update in stream for stage in update
        ]

    seen = asyncio.run(main())
    assert seen[0] == ("", "literature")
    assert seen[-1] == ("", "finish")
    drafts = [stage for place, stage in seen if place == "draft"]
    assert {stage: drafts.count(stage) for stage in ("outline", "write", "review")} == {
        "outline": 2,
        "write": 2,
        "review": 2,
    }
    assert next(stage for place, stage in seen if place == "improve") == "revise"


def test_a_callers_checkpointer_keeps_the_state_and_no_paper(tmp_path: Path) -> None:
    from langgraph.checkpoint.memory import MemorySaver

    async def main() -> tuple[Any, Any]:
        graph = peercycle.build_graph(checkpointer=MemorySaver())
        config = {"configurable": {"thread_id": "mine"}}
        result = await graph.ainvoke(TASK, config, context=options(tmp_path))
        return result["result"], await graph.aget_state(config)

    result, state = asyncio.run(main())
    assert (result["status"], state.next) == ("finished", ())
    assert "Sorting networks and their depth" not in json.dumps(state.values["candidates"], default=str)


def test_a_callers_checkpointer_goes_on_after_a_break(tmp_path: Path) -> None:
    from langgraph.checkpoint.memory import MemorySaver

    saver, config = MemorySaver(), {"configurable": {"thread_id": "mine"}}

    async def break_off() -> None:
        # Leaving the stream is what a cancelled request does; the loop, and what it held, is gone afterwards.
        graph = peercycle.build_graph(checkpointer=saver)
        stream = graph.astream(TASK, config, context=options(tmp_path), stream_mode="updates", durability="sync")
        async for update in stream:
            if "draft" in update:
                break
        await stream.aclose()

    async def go_on() -> Any:
        return await peercycle.build_graph(checkpointer=saver).ainvoke(None, config, context=options(tmp_path))

    asyncio.run(break_off())
    [run] = (tmp_path / "runs").iterdir()
    assert json.loads((run / "run.json").read_text())["terminal"] is None
    result = asyncio.run(go_on())["result"]
    assert (result["path"], result["status"]) == (str(run), "finished")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [run.name]


class Desk(TypedDict, total=False):
    question: str
    answer: str


class DeskContext(TypedDict):
    folder: str


def test_the_cycle_is_a_subgraph_of_a_program_with_its_own_state_and_context(tmp_path: Path) -> None:
    from langgraph.graph import END, START, StateGraph
    from langgraph.runtime import Runtime

    cycle = peercycle.build_graph()

    async def research(state: Desk, runtime: Runtime[DeskContext]) -> Desk:
        task = {"topic": state.get("question", ""), "bibliography": BIBLIOGRAPHY}
        found = await cycle.ainvoke(task, context=options(Path(runtime.context["folder"])))
        return {"answer": found["result"]["path"]}

    program = StateGraph(Desk, context_schema=DeskContext)
    program.add_node("research", research)
    program.add_edge(START, "research")
    program.add_edge("research", END)
    given: Any = {"question": "sorting networks"}
    answered = asyncio.run(program.compile().ainvoke(given, context={"folder": str(tmp_path)}))
    assert json.loads((Path(answered["answer"]) / "run.json").read_text())["terminal"]["status"] == "finished"


class SharedState(TypedDict, total=False):
    topic: str
    bibliography: Any
    mine: str
    result: dict[str, Any]


def test_the_cycle_is_a_node_where_states_share_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from langgraph.graph import END, START, StateGraph

    monkeypatch.chdir(tmp_path)
    program = StateGraph(SharedState, context_schema=peercycle.RunOptions)
    program.add_node("cycle", peercycle.build_graph())
    program.add_edge(START, "cycle")
    program.add_edge("cycle", END)
    given: Any = {**TASK, "mine": "stays"}
    left = asyncio.run(program.compile().ainvoke(given, context=options(tmp_path)))
    assert (left["mine"], left["result"]["status"]) == ("stays", "finished")


def test_langgraph_json_names_a_factory_without_a_checkpointer(repository: Path, tmp_path: Path) -> None:
    config = json.loads((repository / "langgraph.json").read_text())
    assert config["dependencies"] == ["."]
    module, _, name = config["graphs"]["peercycle"].partition(":")
    graph = getattr(import_module(module), name)()
    assert graph.checkpointer is None
    assert graph.name == "peercycle"
    assert {"topic", "bibliography"} <= set(graph.get_input_jsonschema()["properties"])
    assert {"candidates", "rounds", "policy"} <= set(graph.get_context_jsonschema()["properties"])
    result = asyncio.run(graph.ainvoke(TASK, context=options(tmp_path, rounds=0)))["result"]
    assert result["status"] == "finished"


REWARD = """
from peercycle import hookimpl

@hookimpl
def register_rewards(register):
    from peercycle.agents.rewards import MeanRating
    register("mine", MeanRating)
"""


def test_plugins_are_files_or_a_manager_and_nothing_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(REWARD)
    chosen = quick(tmp_path, rounds=0, reward="mine")
    run = peercycle.research("sorting", BIBLIOGRAPHY, plugins=["mine.py"], **chosen)
    kept = json.loads((run.path / "run.json").read_text())["options"]["plugins"]
    assert (run.status, kept) == ("finished", [str(tmp_path / "mine.py")])
    manager = Plugins.load(files=["mine.py"])
    assert peercycle.research("sorting", BIBLIOGRAPHY, plugins=manager, **chosen).status == "finished"
    for given in ("mine.py", [3], 3):
        with pytest.raises(peercycle.PeercycleError, match="give a list of plugin files, or Plugins"):
            peercycle.research("sorting", BIBLIOGRAPHY, plugins=given, **chosen)  # type: ignore[arg-type]
    with pytest.raises(peercycle.PeercycleError, match="disabled_plugins does nothing to a manager"):
        peercycle.research("sorting", BIBLIOGRAPHY, plugins=manager, disabled_plugins=("other",), **chosen)
