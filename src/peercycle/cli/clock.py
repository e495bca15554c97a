"""Times as a person gives them."""

from __future__ import annotations

from datetime import datetime, timedelta


def moment(text: str, now: datetime | None = None) -> float:
    """Return a time of day (`07:00`, the next such local time) or an ISO date and time, as seconds since the epoch.

    Raises `UsageError` for anything else, and for a moment that is past.
    """
    from peercycle.core.errors import UsageError

    now = (now or datetime.now()).astimezone()
    try:
        if "-" in text:
            at = datetime.fromisoformat(text).astimezone()
        else:
            clock = datetime.strptime(text, "%H:%M")
            wall = now.replace(tzinfo=None)
            at = wall.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
            # Local wall time, so that a night in which the clocks change still ends at 07:00.
            at = (at if at > wall else at + timedelta(days=1)).astimezone()
    except ValueError:
        raise UsageError(f"--until {text}: write a time such as 07:00, or a date and time 2031-05-01T07:00") from None
    if at <= now:
        raise UsageError(f"--until {text}: that is past; it is {now:%Y-%m-%dT%H:%M} now")
    return at.timestamp()
