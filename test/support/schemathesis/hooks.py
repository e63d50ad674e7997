"""What JSON Schema can't say of the API's parameters, so that what it takes for valid input is."""

from datetime import datetime, timedelta, timezone

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

# A time is microseconds in exactly 16 digits: from 2001-09-09 to 2286-11-20.
FIRST = datetime(2001, 9, 10)
LAST = datetime(2286, 11, 19)


def zones() -> st.SearchStrategy[timezone]:
    return st.integers(-720, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def write(moment: datetime) -> str:
    text = moment.isoformat()
    return text.replace("+00:00", "Z")


schemathesis.openapi.format("date-time", st.datetimes(FIRST, LAST, timezones=zones()).map(write))
schemathesis.openapi.format("date", st.dates(FIRST.date(), LAST.date()).map(str))


@schemathesis.hook
def filter_case(context, case) -> bool:
    """Of valid input, end_time is after start_time, and a cursor belongs to the other parameters."""
    if case.meta is None or case.meta.generation.mode == GenerationMode.NEGATIVE:
        return True
    query = case.query or {}
    if "cursor" in query:
        return False
    start, end = query.get("start_time"), query.get("end_time")
    return not (isinstance(start, str) and isinstance(end, str)) or moment(start) < moment(end)


def moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=timezone.utc)
