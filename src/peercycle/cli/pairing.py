"""`peercycle pairs`: what runs did, as training data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peercycle.cli.output import print_json, say
from peercycle.cli.parameters import AsJson, RunsDir

if TYPE_CHECKING:
    from peercycle.trainers.dataset.files import Written
    from peercycle.trainers.episodes import Retokenize

STRATEGIES = "best-worst, best-second, best-random or all"


def pairs(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUNS…", help="Runs, by id or path; a folder of runs means all of them.")
    ],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the data set is written.")],
    strategy: Annotated[str, typer.Option(help=f"Which candidates are set against each other: {STRATEGIES}.")] = (
        "best-worst"
    ),
    min_margin: Annotated[float, typer.Option(help="Least difference of rewards.")] = 0.0,
    within: Annotated[
        str, typer.Option(help="Compare the candidates of a task, or of one run: task or run.")
    ] = "task",
    max_per_task: Annotated[int | None, typer.Option(help="Pairs of one task at most.")] = None,
    max_length_ratio: Annotated[
        float | None, typer.Option(help="Longer text at most this times the shorter.")
    ] = None,
    balance_lengths: Annotated[bool, typer.Option(help="Keep the longer text's wins within 40 to 60 %.")] = False,
    length_penalty: Annotated[float, typer.Option(help="Taken off the reward per 1,000 bytes written.")] = 0.0,
    max_prompt_tokens: Annotated[int | None, typer.Option(help="Longer prompts are dropped, never cut.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Longer prompts with completion are dropped.")] = None,
    heldout: Annotated[float, typer.Option(help="Share of the tasks held out, for ever, by their hash.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Breaks ties, draws opponents.")] = 0,
    retokenize: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Make new ids with this tokenizer; recorded in every row.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="trl or atif.")] = "trl",
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """Make preference pairs of runs.

    Pairs are rebuilt from run.sqlite and the artefacts alone; the same runs and settings give the same bytes.
    """
    from pydantic import ValidationError

    from peercycle.cli.faults import Complaint
    from peercycle.core.errors import UsageError
    from peercycle.trainers.dataset.files import write_dataset
    from peercycle.trainers.pair_building import build_pairs
    from peercycle.trainers.pair_settings import PairSettings

    if form not in ("trl", "atif"):
        raise UsageError(f"--format {form!r}: must be trl or atif")
    given = {
        "strategy": strategy,
        "within": within,
        "min_margin": min_margin,
        "max_pairs_per_task": max_per_task,
        "max_length_ratio": max_length_ratio,
        "balance_lengths": (0.4, 0.6) if balance_lengths else None,
        "length_penalty": length_penalty,
        "max_prompt_tokens": max_prompt_tokens,
        "max_tokens": max_tokens,
        "heldout": heldout,
        "seed": seed,
    }
    try:
        settings = PairSettings.model_validate(given)
    except ValidationError as error:
        fault = Complaint.of(error.errors()[0])
        flag = "--" + {"max_pairs_per_task": "max-per-task"}.get(fault.place, fault.place).replace("_", "-")
        raise UsageError(f"{flag} {fault.value}: {fault.message[0].lower()}{fault.message[1:]}") from None
    again = _retokenizer(retokenize)
    built = build_pairs(_found(runs, runs_dir), settings, retokenize=again)
    _tell(write_dataset(built, out, form="atif" if form == "atif" else "trl"), out, as_json)


def _found(names: list[str], runs_dir: Path | None) -> list[Path]:
    from peercycle.cli.configuring import runs_dir as kept_in
    from peercycle.core.errors import UsageError
    from peercycle.store.directory import find_run, list_runs
    from peercycle.store.runs import is_run

    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.is_dir() and not is_run(path):
            inside = list_runs(path)
            if not inside:
                raise UsageError(f"{name!r} holds no run; name a run, or a folder of runs")
            found += inside
        else:
            found.append(find_run(name, kept_in(runs_dir)))
    return found


def _retokenizer(base: str | None) -> Retokenize | None:
    if base is None:
        return None
    from peercycle.trainers.retokenizing import retokenize_with

    return retokenize_with(base)


def _tell(written: Written, out: Path, as_json: bool) -> None:
    speed = written.megabytes / max(written.seconds, 1e-9)
    if as_json:
        print_json(
            {
                "out": str(out),
                **written.report.model_dump(mode="json"),
                "megabytes": round(written.megabytes, 3),
                "seconds": round(written.seconds, 3),
                "mb_per_s": round(speed, 1),
                "files": [str(path) for path in written.files],
            }
        )
        return
    for line in written.report.lines():
        say(line)
    say(f"wrote {written.megabytes:.1f} MB to {out} at {speed:.0f} MB/s")
