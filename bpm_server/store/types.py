"""Column types that behave alike on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A 63-bit key; SQLite's INTEGER holds it, and makes it the row id where it is the primary key."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment: ``timestamptz`` on PostgreSQL, sortable ISO text with microseconds on SQLite."""

    impl = sa.String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.String(27))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return to_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            moment: datetime = value.astimezone(UTC)
            return moment
        return from_text(value)


_last: tuple[datetime | None, str] = (None, "")


def to_text(moment: datetime) -> str:
    """The text that SQLite stores."""
    global _last  # noqa: PLW0603  # the rows of a command hold one moment many times
    last, text = _last
    if last is not moment:
        text = moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"
        _last = (moment, text)
    return text


def from_text(text: str) -> datetime:
    """The moment behind such a text (also with milliseconds only)."""
    return datetime.fromisoformat(text)
