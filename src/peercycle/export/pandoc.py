"""Pandoc, as a program of its own: without network, files, shell or environment, within limits."""

from __future__ import annotations

import asyncio
import contextlib

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
    return out.decode("utf-8", "replace"), warnings
