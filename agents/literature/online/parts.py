"""What is found before a source breaks off is kept, and said to be a part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from peercycle.core.errors import PartialAnswerError, SourceUnavailableError
from peercycle.core.literature import Reference


@contextmanager
def in_part(found: Sequence[Reference]) -> Iterator[None]:
    """Turn an outage in the middle of a ranked list into one that holds the list so far.

    Not for answers by id: there, a work that nobody was asked about would pass for one that does not exist.
    """
    try:
        yield
    except SourceUnavailableError as error:
        if not found:
            raise
        raise PartialAnswerError(f"no more than the first {len(found)} works were told: {error}", found) from error
