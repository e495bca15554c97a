"""Seconds per megabyte that reading and writing BibTeX take, beside bibtexparser 2 on the same text.

    python benchmarks/bibtex.py [--megabytes 2] [--repeats 5]

Writes `benchmarks/results/bibtex.json`: the fastest of the repeats, which a busy machine disturbs least.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections.abc import Callable
from functools import partial

from measuring import write_result

from peercycle.agents.literature.bibtex import read, write

WORDS = [
    "learning", "neural", "retrieval", "sparse", "graph", "attention", "policy", "reward", "sequence",
    "of", "the", "for", "with", "without", "deep", "estimation", "kernel", "sampling", "latent", "prior",
    "language", "model", "review", "evidence", "bound", "convergence", "robust", "efficient", "scaling",
    "inference", "protein", "climate", "survey", "structure", "causal", "experiment",
]  # fmt: skip
NAMES = (
    r"Schr{\"o}der, Anna", "Ng, Wei", r"Garc{\'i}a, Jos{\'e}", "van der Berg, Pieter", "Smith, John",
    "{Data Institute}", r"\O{}degaard, Nils", "Kim, Min-Jun", "Rossi, Maria", "Lee, Ada",
)  # fmt: skip
TARGET = 0.3
"""Seconds per megabyte that reading may take, and writing."""


def library(megabytes: float, *, abstracts: bool, seed: int = 0) -> str:
    """Return a well-formed file of about that size: one entry in two has an abstract, or none has."""
    rng = random.Random(seed)
    entries: list[str] = []
    size = number = 0
    while size < megabytes * 1e6:
        number += 1
        title = " ".join(rng.choices(WORDS, k=9)).capitalize()
        authors = " and ".join(rng.sample(NAMES, rng.randint(1, 5)))
        fields = [
            f"title = {{{{{title}}} and $L_{{{number}}}$}}",
            f"author = {{{authors}}}",
            f"journal = {{Journal of {rng.choice(WORDS).capitalize()} \\& {rng.choice(WORDS).capitalize()}}}",
            f"volume = {{{rng.randint(1, 90)}}}",
            f"pages = {{{number}--{number + 9}}}",
            f"year = {rng.randint(1970, 2025)}",
            f"month = {rng.choice(['jan', 'feb', 'oct'])}",
            f'doi = "10.1000/example.{number}"',
            f"url = {{https://arxiv.org/abs/{2000 + number % 25}.{number % 99999:05d}v2}}",
        ]
        if abstracts and number % 2:
            fields.insert(2, f"abstract = {{{' '.join(rng.choices(WORDS, k=150))}}}")
        entries.append(f"@article{{key{number},\n  " + ",\n  ".join(fields) + "\n}\n")
        size += len(entries[-1])
    return "\n".join(entries)


def fastest(action: Callable[[], object], repeats: int) -> float:
    """Return the least of the measured seconds."""
    seconds: list[float] = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(megabytes: float, repeats: int) -> list[dict[str, object]]:
    """Time both readers, and our writer, on both kinds of file."""
    import bibtexparser

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    rows: list[dict[str, object]] = []
    for abstracts in (True, False):
        text = library(megabytes, abstracts=abstracts)
        size = len(text.encode()) / 1e6
        bibliography = read(text)
        actions: dict[str, Callable[[], object]] = {
            "peercycle read": partial(read, text),
            "peercycle write": partial(write, bibliography),
            "bibtexparser parse_string": partial(bibtexparser.parse_string, text),
        }
        for name, action in actions.items():
            seconds = fastest(action, repeats)
            rows.append({
                "what": name, "abstracts": abstracts, "megabytes": round(size, 3),
                "entries": len(bibliography.entries), "seconds": round(seconds, 4),
                "seconds_per_megabyte": round(seconds / size, 4),
            })  # fmt: skip
    return rows


def main() -> int:
    """Measure, write the result file, print a line for each row; 1 if reading or writing is slower than the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rows = measure(options.megabytes, options.repeats)
    worst = max(float(str(row["seconds_per_megabyte"])) for row in rows if str(row["what"]).startswith("peercycle"))
    figures = {
        "target_seconds_per_megabyte": TARGET,
        "within_target": worst <= TARGET,
        "rows": rows,
    }
    write_result("bibtex", figures, "pydantic", "bibtexparser")
    for row in rows:
        kind = "with abstracts" if row["abstracts"] else "without abstracts"
        print(
            f"{row['what']}, {kind}: {row['megabytes']} MB, {row['seconds']} s, "
            f"{row['seconds_per_megabyte']} s/MB (target for ours {TARGET})"
        )
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
