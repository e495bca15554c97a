"""The journal: an effect that answered is never done again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from peercycle.core.base import JSON
from peercycle.core.errors import StoreError
from peercycle.core.journal import EffectKey, EffectOutcome, EffectTicket
from peercycle.core.modelling import Usage
from peercycle.store.directory import read_run

RESERVE = Usage(prompt_tokens=10, completion_tokens=90, model_calls=1, cost=0.5)
USED = Usage(prompt_tokens=10, completion_tokens=20, model_calls=1, cost=0.1)


def test_a_settled_effect_is_answered_from_the_journal(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ticket = await run.begin_effect(key_for(), "q", RESERVE)
            assert isinstance(ticket, EffectTicket)
            assert await run.find_effect(key_for()) is None
            await run.settle_effect(ticket, EffectOutcome(result={"text": "yes"}, usage=USED))
            told = await run.begin_effect(key_for(), "q", RESERVE)
            assert told == EffectOutcome(result={"text": "yes"}, usage=USED, attempts=1)
            assert await run.find_effect(key_for()) == told
            assert await read_run(run.path).find_effect(key_for()) == told

    asyncio.run(main())


def test_every_part_of_the_key_tells_effects_apart(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    import dataclasses

    async def main() -> None:
        async with new_run() as run:
            key = key_for()
            others = [
                dataclasses.replace(key, **change)
                for change in (
                    {"candidate": "c1"},
                    {"stage": "plan"},
                    {"visit": 2},
                    {"kind": "search"},
                    {"request_sha256": "f" * 64},
                    {"occurrence": 1},
                )
            ]
            for number, one in enumerate([key, *others]):
                ticket = await run.begin_effect(one, "q", Usage())
                assert isinstance(ticket, EffectTicket)
                await run.settle_effect(ticket, EffectOutcome(result=number))
            assert [(await run.find_effect(one)).result for one in [key, *others]] == list(range(7))

    asyncio.run(main())


def test_a_journalled_error_is_told_again(new_run: Callable[..., Any], key_for: Callable[..., EffectKey]) -> None:
    async def main() -> None:
        async with new_run() as run:
            ticket = await run.begin_effect(key_for(), "q", RESERVE)
            outcome = EffectOutcome(error_type="ModelError", error_message="too long", usage=USED)
            await run.settle_effect(ticket, outcome)
            assert await run.begin_effect(key_for(), "q", RESERVE) == outcome

    asyncio.run(main())


@pytest.mark.parametrize("size", [10, 8_000, 9_000, 400_000])
def test_results_of_every_size_come_back_whole_and_rows_stay_small(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey], size: int
) -> None:
    async def main() -> None:
        async with new_run() as run:
            result: JSON = {"text": "é" * (size // 2), "ids": [1, 2.5, None, True]}
            request = {"prompt": "p" * size}
            ticket = await run.begin_effect(key_for(request), request, RESERVE)
            await run.settle_effect(ticket, EffectOutcome(result=result, usage=USED))
            told = await run.begin_effect(key_for(request), request, RESERVE)
            assert isinstance(told, EffectOutcome)
            assert told.result == result
            [row] = await run.rows("effects")
            assert len(row["request"]) > size
            assert "request_ref" not in row
        import sqlite3

        with sqlite3.connect(run.path / "run.sqlite") as connection:
            stored = connection.execute("SELECT LENGTH(request), LENGTH(result) FROM effects").fetchone()
        connection.close()
        assert all(length is None or length <= 8192 for length in stored)

    asyncio.run(main())


def test_text_that_no_encoding_holds_comes_back_as_it_was(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            broken = "half a pair \ud83d and a \x00"
            ticket = await run.begin_effect(key_for(broken), broken, RESERVE)
            await run.settle_effect(ticket, EffectOutcome(result=broken, error_message=broken))
            told = await run.find_effect(key_for(broken))
            assert told.result == broken
            assert told.error_message == "half a pair \\ud83d and a \x00"

    asyncio.run(main())


def test_what_is_not_json_is_refused_in_one_line_and_the_ticket_still_works(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ticket = await run.begin_effect(key_for(), "q", RESERVE)
            with pytest.raises(StoreError, match="a result cannot be kept: it is not JSON"):
                await run.settle_effect(ticket, EffectOutcome(result=float("nan")))
            await run.settle_effect(ticket, EffectOutcome(result=1))
            assert (await run.find_effect(key_for())).result == 1

    asyncio.run(main())


def test_a_released_effect_is_begun_again_as_a_further_attempt(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ticket = await run.begin_effect(key_for(), "q", RESERVE)
            await run.release_effect(ticket, "OutageError: no route", Usage(prompt_tokens=3))
            [row] = await run.rows("effects")
            assert (row["state"], row["error_message"]) == ("released", "OutageError: no route")
            again = await run.begin_effect(key_for(), "q", RESERVE)
            assert again.attempt == 2
            await run.settle_effect(again, EffectOutcome(result="r", usage=USED))
            assert (await run.find_effect(key_for())).attempts == 2
            assert (await run.spending())[0].spent == 3 + 30

    asyncio.run(main())


@pytest.mark.parametrize("length", [5, 20_000], ids=["in its row", "outside its row"])
def test_what_a_service_answered_to_a_released_effect_is_kept_until_it_is_begun_again(
    length: int, new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ticket = await run.begin_effect(key_for(), "q", RESERVE)
            await run.release_effect(ticket, "OutageError: busy", Usage(), "b" * length)
            [row] = await run.rows("effects")
            assert (row["state"], json.loads(row["result"])) == ("released", {"raw": "b" * length})
            assert await run.find_effect(key_for()) is None, "it is no answer"
            again = await run.begin_effect(key_for(), "q", RESERVE)
            assert [row["result"] for row in await run.rows("effects")] == [None]
            await run.settle_effect(again, EffectOutcome(result="r", usage=USED))
            assert (await run.find_effect(key_for())).result == "r"

    asyncio.run(main())


def test_an_attempt_given_up_without_a_word_counts_as_spent_until_it_settles(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            first = await run.begin_effect(key_for(), "q", RESERVE)
            second = await run.begin_effect(key_for(), "q", RESERVE)
            assert second.attempt == 2
            tokens = (await run.spending())[0]
            assert (tokens.spent, tokens.reserved) == (100, 100)
            await run.settle_effect(first, EffectOutcome(result="first", usage=USED))
            await run.settle_effect(second, EffectOutcome(result="second", usage=USED))
            await run.settle_effect(second, EffectOutcome(result="third", usage=USED))
            assert (await run.find_effect(key_for())).result == "first"
            tokens = (await run.spending())[0]
            assert (tokens.spent, tokens.reserved) == (60, 0)

    asyncio.run(main())


def test_a_caller_cancelled_before_its_ticket_leaves_no_reservation(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            tasks = [asyncio.create_task(run.begin_effect(key_for(n), n, RESERVE)) for n in range(20)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            assert all(
                isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*tasks, return_exceptions=True)
            )
            deadline = time.monotonic() + 60
            while (await run.spending())[0].reserved and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            tokens = (await run.spending())[0]
            assert (tokens.spent, tokens.reserved) == (0, 0)

    asyncio.run(main())


def test_an_answer_that_was_paid_for_is_kept_though_its_caller_is_cancelled(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ticket = await run.begin_effect(key_for(), "q", RESERVE)
            settling = asyncio.create_task(run.settle_effect(ticket, EffectOutcome(result="x" * 20_000, usage=USED)))
            await asyncio.sleep(0)
            settling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await settling
        found = await read_run(run.path).find_effect(key_for())
        assert found is not None
        assert found.result == "x" * 20_000

    asyncio.run(main())


def test_a_ticket_of_another_run_is_refused(new_run: Callable[..., Any], key_for: Callable[..., EffectKey]) -> None:
    async def main() -> None:
        async with new_run() as run:
            stray = EffectTicket(effect_id=99, attempt=1, key=key_for())
            with pytest.raises(StoreError, match="effect 99 has no attempt 1"):
                await run.settle_effect(stray, EffectOutcome())

    asyncio.run(main())
