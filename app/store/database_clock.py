"""The clock of the database: leases do not depend on whose clock is right."""

from sqlalchemy import ColumnElement, Connection, Float, cast, extract, func

# Julian days begin at noon, so that midnight is at half a day.
_UNIX_EPOCH_AS_JULIAN_DAY = 2_440_587.5


def database_now_s(connection: Connection) -> ColumnElement[float]:
    """The time of the statement that this is part of, in Unix seconds."""
    if connection.dialect.name == "postgresql":
        # `now()` would be that of the transaction's begin.
        return cast(extract("epoch", func.clock_timestamp()), Float(53))
    return (func.julianday("now", type_=Float(53)) - _UNIX_EPOCH_AS_JULIAN_DAY) * 86_400.0
