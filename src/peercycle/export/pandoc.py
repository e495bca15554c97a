"""Pandoc, as a program of its own: without network, files, shell or environment, within limits."""

from __future__ import annotations

import asyncio
import contextlib
import re

_SECONDS = 60.0
_MEMORY = "512M"
_LONGEST_ANSWER = 40 << 20


class PandocError(RuntimeError):
    """Pandoc is missing, failed, or took too long; the message says which."""


async def latex_to_html(source: str) -> tuple[str, list[str]]:
    """Return LaTeX as an HTML fragment with MathML, and pandoc's warnings. Raises `PandocError`."""
    import pypandoc

    argv = (
        pypandoc.get_pandoc_path(), "+RTS", f"-M{_MEMORY}", "-RTS", "--sandbox", "--from=latex+smart", "--to=html5",
        "--mathml", "--wrap=none", "--shift-heading-level-by=1",
    )  # fmt: skip
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
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
    if len(out) > _LONGEST_ANSWER:
        raise PandocError(f"pandoc wrote {len(out)} bytes, more than {_LONGEST_ANSWER}")
    warnings = [line.removeprefix("[WARNING] ") for line in messages.splitlines() if line.startswith("[WARNING]")]
    return _spaced_functions(out.decode("utf-8", "replace")), warnings


_BEFORE_FUNCTION = re.compile(r"(</m(?:i|n|row|sup|sub|subsup)>)(<mi>[A-Za-z]{2,8}</mi><mo>\u2061</mo>)")
_AFTER_FUNCTION = re.compile(r"(<mo>\u2061</mo>)(?=<m(?:i|n|sup|sub)>)")
_THIN_SPACE = '<mspace width="0.167em"></mspace>'


def _spaced_functions(html: str) -> str:
    """Return HTML whose formulas set `n log n` with the thin spaces that TeX puts there."""
    return _AFTER_FUNCTION.sub(rf"\1{_THIN_SPACE}", _BEFORE_FUNCTION.sub(rf"\1{_THIN_SPACE}\2", html))
