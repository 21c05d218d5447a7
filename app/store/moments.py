"""Times as a column type: aware datetimes in UTC here, seconds since the epoch in the database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Float
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from typing_extensions import override


def stored_moment(value: datetime | None) -> float | None:
    """An instant as the database holds it, for records that are written without SQLAlchemy's types."""
    return None if value is None else value.timestamp()


class Moment(TypeDecorator[datetime]):
    """An instant, exact to the microsecond, that compares and sorts as a number in every database."""

    impl = Float(53)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> float | None:
        return stored_moment(value)

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, tz=UTC)
