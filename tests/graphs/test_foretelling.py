"""What a run says at its beginning of what it will lack at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from peercycle import hookimpl
from peercycle.core.errors import SandboxError
from peercycle.core.runs import RunOptions
from peercycle.core.sandboxing import ALL_GUARANTEES, CanaryResult, EnvironmentRef, EnvironmentSpec, ProbeResult
from peercycle.core.writing import ResearchTask
from peercycle.graphs.launch import create_and_open
from peercycle.plugins.manager import Plugins

Options = Callable[..., RunOptions]
KitOf = Callable[..., Plugins]
MEND = "no TeX in the image: build one that has it (peercycle sandbox build --with-tex)"


class Boxed:
    """A sandbox that holds everything, with TeX or without, and tells what it was asked to prepare."""

    name = "boxed"

    def __init__(self, *, tex: bool) -> None:
        self.tex = tex
        self.asked: list[str] = []

    @hookimpl
    def register_sandboxes(self, register: Any) -> None:
        register("boxed", lambda settings: self)

    @hookimpl
    def register_exporters(self, register: Any) -> None:
        register("pdf", lambda settings: self)

    async def export(self, edition: object, run: object, ctx: object) -> dict[str, bytes]:
        return {}

    async def probe(self) -> ProbeResult:
        canaries = tuple(CanaryResult(guarantee=name, passed=True) for name in ALL_GUARANTEES)
        return ProbeResult(backend=self.name, available=True, canaries=canaries)

    async def prepare(self, spec: EnvironmentSpec) -> EnvironmentRef:
        self.asked.append(spec.name)
        if not self.tex:
            raise SandboxError(MEND)
        return EnvironmentRef(name=spec.name, digest="d", backend=self.name, location="/")


def choices(boxed: Boxed, task: ResearchTask, options: RunOptions, kit: KitOf) -> tuple[str, ...]:
    async def begin() -> tuple[str, ...]:
        run = await create_and_open(task, options, kit(boxed), None, in_loop=False)
        try:
            return tuple(run.record.choices)
        finally:
            await run.close()

    return asyncio.run(begin())


@pytest.mark.parametrize("experiments", ["auto", "run", "off"])
def test_a_sandbox_without_tex_is_told_when_a_run_begins_with_what_mends_it(
    experiments: str, task: ResearchTask, options: Options, kit: KitOf
) -> None:
    asked = options(sandbox="auto", experiments=experiments, exporters=("kit-paper", "pdf"))
    told = choices(Boxed(tex=False), task, asked, kit)
    assert told[-1] == f"pdf: none will be made: {MEND}"
    assert "boxed" in told[-2] or experiments == "off"


@pytest.mark.parametrize(("tex", "exporters", "prepared"), [(True, "pdf", ["tex"]), (False, "kit-paper", [])])
def test_a_run_that_will_have_its_pdf_or_wants_none_says_nothing_of_it(
    tex: bool, exporters: str, prepared: list[str], task: ResearchTask, options: Options, kit: KitOf
) -> None:
    boxed = Boxed(tex=tex)
    asked = options(sandbox="auto", experiments="run", exporters=(exporters,))
    assert not [line for line in choices(boxed, task, asked, kit) if line.startswith("pdf")]
    assert boxed.asked == prepared
