"""On well-formed files bibtexparser 2 reads the same keys, types and fields."""

from __future__ import annotations

import logging
import random

import pytest
from bibtexparser.entrypoint import parse_string

from peercycle.agents.literature.bibtex import read

PIECES = [
    "word",
    "{Nested {Twice}}",
    "a--b",
    "x = y",
    "@home",
    "\\'{e}",
    "$n^{2}$",
    "(p)",
    "50\\%",
    "é",
    "line\n  two",
]


def _braced(rng: random.Random) -> str:
    return "{" + " ".join(rng.choices([*PIECES, '"quoted"'], k=rng.randint(1, 5))) + "}"


def _quoted(rng: random.Random) -> str:
    return '"' + " ".join(rng.choices([*PIECES, '{"}'], k=rng.randint(1, 5))) + '"'


def _number(rng: random.Random) -> str:
    return str(rng.randint(0, 3000))


def _file(rng: random.Random) -> str:
    """Return a well-formed file; entries are delimited by braces, as the oracle knows no parentheses."""
    blocks: list[str] = []
    for number in range(rng.randint(1, 8)):
        names = rng.sample(
            ["title", "Author", "YEAR", "note", "journal", "x-own", "file_1", "month"], k=rng.randint(0, 6)
        )
        values = [rng.choice([_braced, _quoted, _number])(rng) for _ in names]
        fields = [f"{name}{rng.choice(['=', ' = ', '= '])}{value}" for name, value in zip(names, values, strict=True)]
        separator = rng.choice([",\n  ", ", "])
        end = rng.choice(["", ",", "\n", ",\n"]) if fields else ""
        body = f"{separator}{separator.join(fields)}" if fields else ","
        blocks.append(f"@{rng.choice(['article', 'MISC', 'InProceedings'])}{{key:{number}{body}{end}}}")
        if rng.random() < 0.2:
            blocks.append(rng.choice(["@comment{not an entry}", "free text", '@preamble{"\\x"}', "% remark"]))
    return rng.choice(["\n", "\n\n"]).join(blocks) + "\n"


def _theirs(text: str) -> list[tuple[str, str, dict[str, str]]]:
    return [
        (entry.key, entry.entry_type.lower(), {
            field.key.lower(): " ".join(str(field.value).split()) for field in entry.fields
        })
        for entry in parse_string(text).entries
    ]  # fmt: skip


def _compare(seed: int) -> int:
    text = _file(random.Random(seed))
    found = read(text)
    assert [(entry.key, entry.entry_type, entry.fields) for entry in found.entries] == _theirs(text), text
    assert not any(entry.recovered for entry in found.entries), text
    return len(found.entries)


def test_well_formed_files_are_read_as_the_oracle_reads_them() -> None:
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    assert sum(_compare(seed) for seed in range(300)) > 1000


@pytest.mark.prove
def test_ten_thousand_well_formed_files_are_read_as_the_oracle_reads_them() -> None:
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    for seed in range(1000, 11_000):
        _compare(seed)


def test_strings_and_months_are_expanded_as_the_oracle_does() -> None:
    text = "@string{j = {Journal}}\n@article{a, journal = j, title = {T}, year = 2000}\n"
    assert _theirs(text)[0][2] == dict(read(text).entries[0].fields)
