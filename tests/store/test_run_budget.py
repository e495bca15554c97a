"""The budget: what is in flight counts, and no number of callers passes a limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from peercycle.core.errors import BudgetExceededError, UsageError
from peercycle.core.journal import EffectKey, EffectOutcome, EffectTicket
from peercycle.core.modelling import Usage
from peercycle.core.runs import Budget, SpendingLine, flag_to_raise


async def begin(run: Any, key: EffectKey, **reserve: Any) -> Any:
    return await run.begin_effect(key, None, Usage(**reserve))


async def lines(run: Any) -> dict[str, SpendingLine]:
    return {line.name: line for line in await run.spending()}


@pytest.mark.parametrize(
    ("limit", "reserve", "fits"),
    [
        ({"tokens": 1000}, {"prompt_tokens": 30, "completion_tokens": 70}, 10),
        ({"cost": 0.9}, {"cost": 0.1, "model_calls": 1}, 9),
        ({"model_calls": 7}, {"model_calls": 1}, 7),
        ({"sandbox_seconds": 10.0}, {"sandbox_seconds": 3.0}, 3),
    ],
)
def test_32_concurrent_calls_never_pass_a_limit(
    new_run: Callable[..., Any],
    key_for: Callable[..., EffectKey],
    limit: dict[str, Any],
    reserve: dict[str, Any],
    fits: int,
) -> None:
    async def main() -> None:
        async with new_run(**limit, kept_for_finish=0) as run:
            most = 0.0

            async def call(number: int) -> bool:
                nonlocal most
                try:
                    ticket = await begin(run, key_for(number), **reserve)
                except BudgetExceededError:
                    return False
                line = (await lines(run))[next(iter(limit))]
                most = max(most, (line.spent or 0) + line.reserved)
                await asyncio.sleep(0.001 * (number % 5))
                await run.settle_effect(ticket, EffectOutcome(result=number, usage=Usage(**reserve)))
                return True

            done = await asyncio.gather(*[call(number) for number in range(32)])
            assert sum(done) == fits
            assert most <= next(iter(limit.values())) * (1 + 1e-9)

    asyncio.run(main())


def test_a_reservation_that_is_not_used_up_makes_room_again(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(tokens=100, kept_for_finish=0) as run:
            ticket = await begin(run, key_for(1), prompt_tokens=80)
            with pytest.raises(BudgetExceededError, match="budget of tokens: 80 of 100 is spent or reserved"):
                await begin(run, key_for(2), prompt_tokens=80)
            await run.settle_effect(ticket, EffectOutcome(usage=Usage(prompt_tokens=10)))
            assert isinstance(await begin(run, key_for(2), prompt_tokens=80), EffectTicket)

    asyncio.run(main())


def test_use_beyond_the_reservation_is_counted_as_it_was(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(tokens=100) as run:
            ticket = await begin(run, key_for(1), prompt_tokens=10)
            await run.settle_effect(ticket, EffectOutcome(usage=Usage(prompt_tokens=500)))
            assert (await lines(run))["tokens"].spent == 500

    asyncio.run(main())


def test_the_share_that_is_kept_back_is_for_the_finish_alone(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(model_calls=10, kept_for_finish=0.2) as run:
            for number in range(8):
                await begin(run, key_for(number), model_calls=1)
            with pytest.raises(BudgetExceededError, match=r"8 of 10 \(2 kept for the finish\)"):
                await begin(run, key_for(8), model_calls=1)
            for number in (8, 9):
                await run.begin_effect(key_for(number), None, Usage(model_calls=1), finishing=True)
            with pytest.raises(BudgetExceededError):
                await run.begin_effect(key_for(10), None, Usage(model_calls=1), finishing=True)

    asyncio.run(main())


def test_hours_are_those_that_drivers_worked_and_survive_a_resume(
    new_run: Callable[..., Any], reopened: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(hours=1.0, kept_for_finish=0.1) as run:
            await run.add_wall_clock(3000)
            await begin(run, key_for(1), requests=1)
        async with reopened() as run:
            await run.add_wall_clock(300)
            with pytest.raises(BudgetExceededError, match="budget of hours"):
                await begin(run, key_for(2), requests=1)
            await run.begin_effect(key_for(2), None, Usage(requests=1), finishing=True)
            assert (await lines(run))["hours"].spent == pytest.approx(3300 / 3600)
            # A look at the clock uses nothing, and the finish needs it.
            await run.begin_effect(key_for(3), None, Usage())

    asyncio.run(main())


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_time_worked_never_shrinks(new_run: Callable[..., Any], seconds: float) -> None:
    async def main() -> None:
        async with new_run(hours=1.0) as run:
            await run.add_wall_clock(60)
            with pytest.raises(UsageError, match="cannot grow by"):
                await run.add_wall_clock(seconds)
            assert (await lines(run))["hours"].spent == pytest.approx(60 / 3600)

    asyncio.run(main())


def test_nothing_but_the_finish_begins_after_until(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with new_run(until=2_000_000_000.0) as run:
            monkeypatch.setattr(time, "time", lambda: 1_999_999_999.0)
            await begin(run, key_for(1), model_calls=1)
            monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
            with pytest.raises(BudgetExceededError, match="later `--until`"):
                await begin(run, key_for(2), model_calls=1)
            await run.begin_effect(key_for(2), None, Usage(model_calls=1), finishing=True)

    asyncio.run(main())


def test_a_clock_that_jumps_back_gives_nothing_back(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with new_run(tokens=100, hours=1.0, kept_for_finish=0) as run:
            ticket = await begin(run, key_for(1), prompt_tokens=60)
            await run.add_wall_clock(1800)
            monkeypatch.setattr(time, "time", lambda: 5.0)
            await run.settle_effect(ticket, EffectOutcome(usage=Usage(prompt_tokens=60)))
            with pytest.raises(BudgetExceededError):
                await begin(run, key_for(2), prompt_tokens=60)
            assert ((await lines(run))["tokens"].spent, (await lines(run))["hours"].spent) == (60, 0.5)

    asyncio.run(main())


def test_an_unknown_price_is_unknown_and_never_nothing(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            ticket = await begin(run, key_for(1), prompt_tokens=10, model_calls=1)
            await run.settle_effect(ticket, EffectOutcome(usage=Usage(prompt_tokens=10, model_calls=1)))
            assert (await lines(run))["cost"].spent is None
            assert [row["cost"] for row in await run.rows("spending")] == [None]
            assert [row["cost"] for row in await run.rows("spending_by_stage")] == [None]
            limited = await run.record()
            limited = limited.model_copy(
                update={"options": limited.options.model_copy(update={"budget": Budget(cost=1.0)})}
            )
            await run.write_record(limited)
            with pytest.raises(BudgetExceededError, match="the price of the next model call is unknown"):
                await begin(run, key_for(2), prompt_tokens=10, model_calls=1)
            with pytest.raises(BudgetExceededError, match=r"the price of 1 earlier model call is unknown"):
                await begin(run, key_for(2), prompt_tokens=10, model_calls=1, cost=0.1)

    asyncio.run(main())


def test_what_uses_no_model_has_no_price_and_fits_a_cost_limit(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(cost=1.0) as run:
            ticket = await begin(run, key_for(1), requests=1)
            await run.settle_effect(ticket, EffectOutcome(usage=Usage(requests=1)))
            assert (await lines(run))["cost"].spent == 0

    asyncio.run(main())


def test_a_missing_bill_counts_as_the_worst_case(
    new_run: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(cost=1.0) as run:
            ticket = await begin(run, key_for(1), model_calls=1, cost=0.4)
            await run.settle_effect(ticket, EffectOutcome(usage=Usage(model_calls=1, prompt_tokens=5)))
            assert (await lines(run))["cost"].spent == pytest.approx(0.4)

    asyncio.run(main())


def test_a_larger_budget_in_the_record_holds_from_the_next_effect_on(
    new_run: Callable[..., Any], reopened: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run(model_calls=1, kept_for_finish=0) as run:
            await begin(run, key_for(1), model_calls=1)
            with pytest.raises(BudgetExceededError, match="resume with a larger budget"):
                await begin(run, key_for(2), model_calls=1)
        async with reopened() as run:
            record = await run.record()
            larger = record.options.model_copy(update={"budget": Budget(model_calls=2, kept_for_finish=0)})
            await run.write_record(record.model_copy(update={"options": larger}))
            await begin(run, key_for(2), model_calls=1)
            with pytest.raises(BudgetExceededError):
                await begin(run, key_for(3), model_calls=1)

    asyncio.run(main())


def test_the_totals_are_the_sum_of_the_rows(
    new_run: Callable[..., Any], reopened: Callable[..., Any], key_for: Callable[..., EffectKey]
) -> None:
    async def main() -> None:
        async with new_run() as run:
            for number in range(30):
                ticket = await begin(run, key_for(number), prompt_tokens=number, model_calls=1, cost=0.1)
                if number % 3 == 0:
                    used = Usage(prompt_tokens=1, model_calls=1, cost=0.01)
                    await run.settle_effect(ticket, EffectOutcome(usage=used))
                elif number % 3 == 1:
                    await run.release_effect(ticket, "outage")
        async with reopened() as run:
            spent, rows = await lines(run), await run.rows("spending")
            assert {row["state"] for row in rows} == {"settled", "released", "lost"}
            assert spent["tokens"].spent == sum(row["prompt_tokens"] for row in rows)
            assert spent["model_calls"].spent == sum(row["model_calls"] for row in rows) == 20
            assert spent["cost"].spent == pytest.approx(sum(row["cost"] or 0 for row in rows))
            assert all(line.reserved == 0 for line in spent.values())

    asyncio.run(main())


@pytest.mark.parametrize(
    ("limit", "kept", "reserve", "flag"),
    [
        ({"sandbox_seconds": 100.0}, 0.05, {"sandbox_seconds": 120.0}, " --max-sandbox-seconds 132"),
        ({"tokens": 50}, 0.0, {"prompt_tokens": 80}, " --max-tokens 80"),
        ({"cost": 0.001}, 0.0, {"cost": 0.1234, "model_calls": 1}, " --max-cost 0.13"),
    ],
)
def test_a_refusal_names_a_limit_that_would_do(
    new_run: Callable[..., Any],
    key_for: Callable[..., EffectKey],
    limit: dict[str, Any],
    kept: float,
    reserve: dict[str, Any],
    flag: str,
) -> None:
    async def main() -> None:
        async with new_run(**limit, kept_for_finish=kept) as run:
            with pytest.raises(BudgetExceededError) as refused:
                await begin(run, key_for(1), **reserve)
            assert flag_to_raise(str(refused.value)) == flag
            assert not refused.value.may_come_back
            enough: dict[str, Any] = {next(iter(limit)): float(flag.split()[1])}
            record = await run.record()
            larger = record.options.model_copy(update={"budget": Budget(**enough, kept_for_finish=kept)})
            await run.write_record(record.model_copy(update={"options": larger}))
            assert isinstance(await begin(run, key_for(1), **reserve), EffectTicket)

    asyncio.run(main())
