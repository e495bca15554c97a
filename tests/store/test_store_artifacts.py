"""Artefacts: named by their bytes, whole or absent."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from typing import Any

import pytest

from peercycle.core.base import artifact_ref
from peercycle.core.errors import DamagedRunError, UsageError
from peercycle.store import artifacts as module


def test_what_is_put_comes_back_and_is_registered_once(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            store = run.artifacts
            for body in (b"", b"one", b"\x00" * 100_000):
                for _ in range(2):
                    assert await store.put(body, media_type="text/plain", name="a") == artifact_ref(body)
                assert await store.get(artifact_ref(body)) == body
            await store.put(b"one", name="b")
            rows = [(row["name"], row["size"]) for row in await run.rows("artifacts")][1:]
            assert rows == [("a", 0), ("a", 3), ("a", 100_000), ("b", 3)]

    asyncio.run(main())


def test_a_body_that_is_there_is_not_written_again(
    new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ref = await run.artifacts.put(b"body")
            before = run.artifacts.path(ref).stat()
            monkeypatch.setattr(module, "publish", lambda *_: pytest.fail("written again"))
            await run.artifacts.put(b"body")
            assert run.artifacts.path(ref).stat().st_mtime_ns == before.st_mtime_ns

    asyncio.run(main())


@pytest.mark.parametrize("bytes_there", [b"bodY", b"bod", b""])
def test_other_bytes_under_the_name_are_found_and_replaced(
    new_run: Callable[..., Any], reopened: Callable[..., Any], bytes_there: bytes
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ref = await run.artifacts.put(b"body")
            run.artifacts.path(ref).write_bytes(bytes_there)
            with pytest.raises(DamagedRunError, match="holds other bytes"):
                await run.artifacts.get(ref)
        async with reopened() as run:
            await run.artifacts.put(b"body")
            assert await run.artifacts.get(ref) == b"body"

    asyncio.run(main())


def test_a_missing_body_is_named(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            with pytest.raises(DamagedRunError, match=f"{artifact_ref(b'x')} is missing"):
                await run.artifacts.get(artifact_ref(b"x"))

    asyncio.run(main())


@pytest.mark.parametrize("ref", ["", "sha256:", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "x" * 71, "\n"])
def test_what_is_no_reference_reaches_no_file(new_run: Callable[..., Any], ref: str) -> None:
    async def main() -> None:
        async with new_run() as run:
            with pytest.raises(UsageError, match="no artefact reference"):
                await run.artifacts.get(ref)

    asyncio.run(main())


def test_many_at_once_put_the_same_body(new_run: Callable[..., Any]) -> None:
    async def main() -> None:
        async with new_run() as run:
            bodies = [b"%d" % (number % 5) * 5000 for number in range(60)]
            await asyncio.gather(*[run.artifacts.put(body) for body in bodies])
            for body in bodies:
                assert await run.artifacts.get(artifact_ref(body)) == body
            assert len(await run.rows("artifacts")) == 6
            assert not list((run.path / "artifacts" / "tmp").iterdir())

    asyncio.run(main())


def test_a_body_and_its_folder_are_synced_before_it_is_told(
    new_run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with new_run() as run:
            order: list[str] = []
            real_sync, real_rename = os.fsync, os.replace

            def fsync(descriptor: int) -> None:
                order.append("dir" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
                real_sync(descriptor)

            def rename(source: Any, target: Any, **more: Any) -> None:
                order.append("rename")
                real_rename(source, target, **more)

            await run.artifacts.put(b"first")
            monkeypatch.setattr(os, "fsync", fsync)
            monkeypatch.setattr(os, "replace", rename)
            await run.artifacts.put(b"second")
            assert order[-3:] == ["file", "rename", "dir"]

    asyncio.run(main())
