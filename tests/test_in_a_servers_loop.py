"""In a loop that is a server's, such as that of `langgraph dev`: nothing of a run's waits for the disk in it."""

from __future__ import annotations

import asyncio
import os
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockingError

import peercycle
from peercycle.plugins.manager import Plugins

BIBLIOGRAPHY = """
@article{networks, title = {Sorting networks and their depth}, author = {Byron, Ada}, year = {1990},
  abstract = {We bound the depth of networks that sort.}}
"""


def options(tmp_path: Path) -> dict[str, Any]:
    return {
        "runs_dir": str(tmp_path / "runs"),
        "policy": "scripted",
        "reviewer": "scripted",
        "experiments": "off",
        "sandbox": "none",
        "candidates": 2,
        "rounds": 1,
    }


def test_the_watch_sees_a_blocking_call(servers_loop: None) -> None:
    async def main() -> None:
        os.getcwd()  # noqa: PTH109 - the call that is watched

    with pytest.raises(BlockingError):
        asyncio.run(main())


def test_the_graph_blocks_no_loop(tmp_path: Path, servers_loop: None) -> None:
    graph = peercycle.build_graph()

    async def main() -> Any:
        task = {"topic": "sorting networks", "bibliography": BIBLIOGRAPHY}
        left = await graph.ainvoke(task, context=options(tmp_path))
        # The run is closed when it has lingered.
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)
        return left["result"]

    assert asyncio.run(main())["status"] == "finished"


def test_a_context_that_names_plugin_files_blocks_no_loop(
    tmp_path: Path, servers_loop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine.py"
    mine.write_text("from peercycle import hookimpl\n\n\n@hookimpl\ndef on_run_end(event):\n    pass\n")
    graph = peercycle.build_graph(Plugins.load(files=[str(mine)]))

    async def main() -> Any:
        task = {"topic": "sorting networks", "bibliography": BIBLIOGRAPHY}
        asked = {**options(tmp_path), "plugins": ["mine.py"], "rounds": 0}
        return (await graph.ainvoke(task, context=asked))["result"]

    assert asyncio.run(main())["status"] == "finished"


def test_aresearch_blocks_no_loop_and_neither_does_aresearch_many(tmp_path: Path, servers_loop: None) -> None:
    async def main() -> list[Any]:
        task = {"topic": "merging", "bibliography": BIBLIOGRAPHY}
        one = await peercycle.aresearch("sorting networks", BIBLIOGRAPHY, **options(tmp_path))
        return [one, *await peercycle.aresearch_many([task, task], **options(tmp_path))]

    ended = asyncio.run(main())
    assert [(run.status, run.reason) for run in ended] == [("finished", "round_limit")] * 3


@pytest.mark.parametrize(
    ("module", "name"),
    [("latex", "write_document"), ("html", "tidy"), ("html", "clean"), ("html", "render"), ("report", "report_data")],
)
def test_what_a_long_paper_takes_its_time_for_is_done_in_no_loops_thread(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = import_module(f"peercycle.export.{module}")
    whole, threads = getattr(home, name), set()

    def noted(*given: Any, **named: Any) -> Any:
        threads.add(threading.get_ident())
        return whole(*given, **named)

    monkeypatch.setattr(home, name, noted)

    async def main() -> int:
        asked = {**options(tmp_path), "exporters": [module], "candidates": 1, "rounds": 0}
        await peercycle.aresearch("sorting networks", BIBLIOGRAPHY, **asked)
        return threading.get_ident()

    loops = asyncio.run(main())
    assert threads
    assert loops not in threads
