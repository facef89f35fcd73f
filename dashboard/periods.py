"""Days, weeks and months of statistics, in UTC. A week starts on Monday."""

from collections.abc import Iterator
from datetime import date, timedelta

# The names are PostgreSQL's too; with how many days the longest has.
INTERVALS = {"day": 1, "week": 7, "month": 31}


def start_of(day: date, interval: str) -> date:
    """Return the first day of the period that a day is in."""
    match interval:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case _:
            return day


def next_start(start: date, interval: str) -> date:
    """Return the first day of the period after the one that starts on a day."""
    return start_of(start + timedelta(days=INTERVALS[interval]), interval)


def starts_between(first: date, last: date, interval: str) -> Iterator[date]:
    """Yield the first days of the periods from that of one day to that of another."""
    start = start_of(first, interval)
    while start <= last:
        yield start
        start = next_start(start, interval)
