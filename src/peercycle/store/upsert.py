"""Writing a row under its natural key: a stage that is done again neither loses nor doubles it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping


def upsert(
    connection: sqlite3.Connection,
    table: str,
    key: Mapping[str, object],
    values: Mapping[str, object],
    *,
    keep: Collection[str] = (),
) -> None:
    """Insert a row, or replace the values of the one with this key, which stays where it was in the order.

    A column in `keep` holds on to its earlier value where the new one is None.
    """
    row = {**key, **values}
    marks = ", ".join(f":{column}" for column in row)
    changes = ", ".join(
        f"{column} = COALESCE(excluded.{column}, {column})" if column in keep else f"{column} = excluded.{column}"
        for column in values
    )
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) "  # noqa: S608 - names from our own code
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}",
        row,
    )
