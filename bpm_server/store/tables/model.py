"""The declarative base: Flask-SQLAlchemy's ``db.Model`` with names for every constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Gives all tables one metadata."""

    metadata = sa.MetaData(naming_convention=NAMES)


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def partial(name: str, *columns: str, where: str) -> sa.Index:
    """An index of some rows only; queries must say the same condition, without parameters."""
    return sa.Index(name, *columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def table_of(model: type[Base]) -> sa.Table:
    """The Core table behind a model, for statements on hot paths."""
    table = model.__table__
    assert isinstance(table, sa.Table)  # noqa: S101
    return table
