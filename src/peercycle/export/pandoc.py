"""Pandoc: in the run's sandbox, or else as a program of its own without network, files, shell or environment."""

from __future__ import annotations

import asyncio
import contextlib
import re

from peercycle.core.contracts import StageContext
from peercycle.core.sandboxing import EnvironmentSpec, ExecRequest, ExecResult, Limits
from peercycle.export.sandboxed import run_sandboxed

_SECONDS = 60.0
_MEMORY = "512M"
_LONGEST_ANSWER = 40 << 20
_OPTIONS = (
    "+RTS", f"-M{_MEMORY}", "-RTS", "--sandbox", "--from=latex-smart", "--to=html5", "--mathml", "--wrap=none",
    "--shift-heading-level-by=1",
)  # fmt: skip
_LIMITS = Limits(wall_s=_SECONDS, memory_mb=1024, processes=32, disk_mb=_LONGEST_ANSWER >> 20, files=20)


class PandocError(RuntimeError):
    """Pandoc is missing, failed, or took too long; the message says which."""


async def latex_to_html(source: str, ctx: StageContext) -> tuple[str, list[str]]:
    """Return LaTeX as an HTML fragment with MathML, and pandoc's warnings. Raises `PandocError`.

    Where the run has no sandbox, or cannot pay for it, pandoc runs beside us: it only converts, `--sandbox` keeps its
    readers from files and network, its environment is empty, and its time, memory and answer are limited.
    """
    result = await _in_sandbox(source, ctx)
    if isinstance(result, str):
        out, messages = await _beside_us(source)
    else:
        out, messages = await _converted(result, ctx)
    if len(out) > _LONGEST_ANSWER:
        raise PandocError(f"pandoc wrote {len(out)} bytes, more than {_LONGEST_ANSWER}")
    warnings = [line.removeprefix("[WARNING] ") for line in messages.splitlines() if line.startswith("[WARNING]")]
    return _spaced_functions(out.decode("utf-8", "replace")), warnings


async def _in_sandbox(source: str, ctx: StageContext) -> ExecResult | str:
    """Convert in the run's sandbox; or say why that cannot be."""
    paper = await ctx.artifacts.put(source.encode("utf-8", "replace"), name="page.tex")
    request = ExecRequest(
        argv=("pandoc", *_OPTIONS, "--output=page.html", "page.tex"),
        files={"page.tex": paper},
        environment=EnvironmentSpec(name="pandoc"),
        outputs=("page.html",),
        limits=_LIMITS,
    )
    return await run_sandboxed("pandoc", {"page": paper}, request, ctx)


async def _converted(result: ExecResult, ctx: StageContext) -> tuple[bytes, str]:
    """Return what pandoc wrote in the sandbox, and what it said."""
    messages = result.stderr.text
    page = next((output for output in result.outputs if output.path == "page.html"), None)
    if result.status == "timeout":
        raise PandocError(f"pandoc took longer than {_SECONDS:g} s")
    if result.status != "ok" or page is None:
        raise PandocError(f"pandoc failed ({result.status}): {' '.join(messages.split())[:300]}")
    return await ctx.artifacts.get(page.artifact), messages


def _pandoc() -> str:
    """Return where pandoc is. Its wheel asks it for its version first. Raises `OSError` where there is none."""
    import pypandoc

    return str(pypandoc.get_pandoc_path())


async def _beside_us(source: str) -> tuple[bytes, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            await asyncio.to_thread(_pandoc),
            *_OPTIONS,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"LANG": "C.UTF-8", "HOME": "/nonexistent"},
            cwd="/",
        )
    except OSError as error:
        raise PandocError(f"pandoc cannot be started: {error}") from error
    try:
        out, err = await asyncio.wait_for(process.communicate(source.encode("utf-8", "replace")), _SECONDS)
    except TimeoutError as error:
        raise PandocError(f"pandoc took longer than {_SECONDS:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    messages = err.decode("utf-8", "replace")
    if process.returncode:
        raise PandocError(f"pandoc failed ({process.returncode}): {' '.join(messages.split())[:300]}")
    return out, messages


_BEFORE_FUNCTION = re.compile(r"(</m(?:i|n|row|sup|sub|subsup)>)(<mi>[A-Za-z]{2,8}</mi><mo>\u2061</mo>)")
_AFTER_FUNCTION = re.compile(r"(<mo>\u2061</mo>)(?=<m(?:i|n|sup|sub)>)")
_THIN_SPACE = '<mspace width="0.167em"></mspace>'


def _spaced_functions(html: str) -> str:
    """Return HTML whose formulas set `n log n` with the thin spaces that TeX puts there."""
    return _AFTER_FUNCTION.sub(rf"\1{_THIN_SPACE}", _BEFORE_FUNCTION.sub(rf"\1{_THIN_SPACE}\2", html))
