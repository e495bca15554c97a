"""Damage one entry in hundreds of ways; its neighbours must come through whole."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from peercycle.agents.literature.bibtex import read, write
from peercycle.core.literature import Reference

WORDS = ["sparse", "graphs", "robust", "learning", "of", "policies", "under", "shift", "with", "memory"]
TYPES = ("article", "inproceedings", "misc", "book")
Damage = tuple[str, str]
"""What was done, and the damaged entry."""


def _well_formed(rng: random.Random, number: int, style: str) -> str:
    """One entry; `style` is how its values are delimited and laid out."""
    title = " ".join(rng.choices(WORDS, k=5))
    fields = [
        ("title", f"{{The {{{title.upper()}}} {number}}}"),
        ("author", rng.choice(('"Curie, Marie and Lee Smolin"', "{van der Waals, Johannes and {The Team}}"))),
        ("journal", f"{{Annals of {rng.choice(WORDS)}}}"),
        ("year", str(1990 + number)),
        ("month", "mar"),
        ("pages", f'"{number}--{number + 5}"'),
        ("abstract", f"{{We study {title}.\n    It holds, in {{most}} cases, that a = b.}}"),
    ]
    if style == "quotes":
        fields = [(n, f'"{v[1:-1]}"' if v[0] == "{" else v) for n, v in fields]
    elif style == "braces":
        fields = [(n, f"{{{v[1:-1]}}}" if v[0] == '"' else v) for n, v in fields]
    if rng.random() < 0.5:
        fields = fields[-1:] + fields[:-1]
    opening, closing = ("(", ")") if style == "parentheses" else ("{", "}")
    break_ = " " if style == "one line" else "\n  "
    last = rng.choice((",", "")) + ("" if style == "one line" else rng.choice(("\n", "")))
    body = f",{break_}".join(f"{name} = {value}" for name, value in fields)
    return f"@{rng.choice(TYPES)}{opening}key{number},{break_}{body}{last}{closing}"


STYLES = ("mixed", "quotes", "braces", "parentheses", "one line")
STRUCTURAL = '{}",=@#()'


def _damages(entry: str, rng: random.Random) -> Iterator[Damage]:
    places = [index for index, character in enumerate(entry) if character in STRUCTURAL]
    for index in places:
        yield f"delete {entry[index]}", entry[:index] + entry[index + 1 :]
        yield f"double {entry[index]}", entry[:index] + entry[index] + entry[index:]
    for mark in STRUCTURAL:
        for _ in range(4):
            index = rng.randrange(1, len(entry))
            yield f"insert {mark}", entry[:index] + mark + entry[index:]
    for _ in range(20):
        yield "truncate", entry[: rng.randrange(len(entry.split(",", maxsplit=1)[0]) + 2, len(entry))]
    lines = entry.split("\n")
    for index in range(1, len(lines)):
        yield "delete line", "\n".join(lines[:index] + lines[index + 1 :])
        yield (
            "join lines",
            "\n".join([*lines[: index - 1], lines[index - 1] + lines[index], *lines[index + 1 :]]),
        )


def _same(left: Reference, right: Reference) -> bool:
    return left.model_dump(exclude={"line"}) == right.model_dump(exclude={"line"})


def _check(seed: int, style: str, counts: Counter[str]) -> list[str]:
    """Damage the middle of three entries in every way; return what went wrong."""
    rng = random.Random(f"{seed} {style}")
    entries = [_well_formed(rng, number, style) for number in range(3)]
    whole = read("\n\n".join(entries)).entries
    assert len(whole) == 3
    assert not any(entry.recovered for entry in whole)
    wrong: list[str] = []
    for what, damaged in _damages(entries[1], rng):
        for text, first, after in _settings(entries, damaged):
            found = read(text).entries
            counts["damaged files"] += 1
            neighbours = [entry for entry in found if entry.key in {"key0", "key2"}]
            expected = [whole[0], *([whole[2]] if after else [])]
            if len(neighbours) != len(expected) or not all(map(_same, neighbours, expected)):
                wrong.append(f"{what} ({style}, {first}) cost a neighbour:\n{text}")
                counts["neighbours harmed"] += 1
            lost = _fields_lost(whole[1], [entry for entry in found if entry.key not in {"key0", "key2"}])
            counts[f"fields lost: {min(lost, 2)}{'+' if lost > 1 else ''}"] += 1
            if lost > _allowed(what, whole[1], damaged):
                counts[f"beyond the damaged field: {what}"] += 1
                wrong.append(f"{what} ({style}, {first}) lost {lost} fields:\n{text}")
    return wrong


def _settings(entries: list[str], damaged: str) -> Iterator[tuple[str, str, bool]]:
    yield f"{entries[0]}\n\n{damaged}\n\n{entries[2]}\n", "between", True
    yield f"{entries[0]}\n{damaged}\nAbstract: {WORDS[0]}.\n{entries[2]}", "before an abstract", True
    yield f"{entries[0]}\n\n{damaged}", "last", False


def _fields_lost(whole: Reference, found: list[Reference]) -> int:
    fields = [dict(entry.fields) for entry in found]
    return sum(all(other.get(name) != value for other in fields) for name, value in whole.fields.items())


def _allowed(what: str, whole: Reference, damaged: str) -> int:
    """The damaged field, and those that are not in the text any more; without its `@` it is no entry."""
    if what == "delete @":
        return len(whole.fields)
    return 1 + sum(f"{name} =" not in damaged for name in whole.fields if what in {"truncate", "delete line"})


@pytest.mark.parametrize("style", STYLES)
def test_damage_to_one_entry_costs_at_most_the_damaged_field(style: str) -> None:
    counts: Counter[str] = Counter()
    wrong = _check(1, style, counts)
    print(dict(counts))
    assert counts["damaged files"] > 300
    assert not wrong, f"{len(wrong)} of {counts['damaged files']}: {wrong[0]}"


@pytest.mark.prove
@pytest.mark.parametrize("style", STYLES)
def test_tens_of_thousands_of_damages_cost_no_neighbour(style: str) -> None:
    counts: Counter[str] = Counter()
    wrong = [line for seed in range(2, 32) for line in _check(seed, style, counts)]
    print(dict(counts))
    assert counts["neighbours harmed"] == 0, wrong[0]
    assert len(wrong) <= counts["damaged files"] // 1000, wrong[0]


def test_damaged_files_are_written_stably_and_their_damage_is_reported() -> None:
    rng = random.Random(5)
    entries = [_well_formed(rng, number, "mixed") for number in range(3)]
    reported = total = 0
    for _, damaged in _damages(entries[1], rng):
        found = read(f"{entries[0]}\n\n{damaged}\n\n{entries[2]}\n")
        text = write(found)
        assert write(read(text)) == text
        assert all(problem.line >= 1 for problem in found.problems)
        for entry in found.entries:
            if entry.recovered:
                assert any(problem.key == entry.key for problem in found.problems), damaged
        total += 1
        reported += bool(found.problems)
    assert reported > total // 2
