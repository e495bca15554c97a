"""What a judge of its own said of each version, put together from the tables that keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from peercycle.core.errors import DamagedRunError
from peercycle.core.journal import RunReader
from peercycle.core.reviews import Assessment, Review

Place = tuple[str, int]
"""A version: its candidate and its round."""


async def judgements(run: RunReader) -> dict[Place, Assessment]:
    """Return the judge's assessments by version: reviews, decision and meta-review.

    Raises `DamagedRunError` where a review cannot be read.
    """
    reviews: dict[Place, list[Review]] = {}
    for row in await run.rows("reviews"):
        if row["role"] == "judge":
            reviews.setdefault((row["candidate"], row["round"]), []).append(_review(row))
    return {
        (row["candidate"], row["round"]): Assessment(
            reviews=tuple(reviews.get((row["candidate"], row["round"]), ())),
            decision=row["decision"],
            meta_review=row["meta_review"],
            machine_made=row["machine_made"],
        )
        for row in await run.rows("assessments")
        if row["role"] == "judge"
    }


def _review(row: Mapping[str, Any]) -> Review:
    try:
        return Review.model_validate_json(row["review_json"])
    except ValidationError as error:
        first = str(error).splitlines()[0]
        where = f"{row['candidate']} round {row['round']}"
        raise DamagedRunError(f"a judge's review of {where} in run.sqlite cannot be read: {first}") from None
