"""Rows of the audit log that wait for a seal, and the seals."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.sealing import Seal
from bpm_server.store import rows
from bpm_server.store.tables.audit import audit_log, audit_seal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

_LOCK = 7301735
_AT_ONCE = 50


def try_lock(connection: Connection) -> bool:
    """Until the commit nobody else seals; False where somebody does. SQLite has one writer anyway."""
    if connection.dialect.name != "postgresql":
        return True
    found: bool = connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))).scalar_one()
    return found


def unsealed(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The oldest rows without a seal."""
    t = audit_log
    query = sa.select(*t.columns).where(t.c.seal.is_(None)).order_by(t.c.key).limit(limit)
    return [dict(row._mapping) for row in connection.execute(query)]


def count_unsealed(connection: Connection) -> int:
    """How many rows wait for a seal."""
    query = sa.select(sa.func.count()).select_from(audit_log).where(audit_log.c.seal.is_(None))
    found: int = connection.execute(query).scalar_one()
    return found


def last_seal(connection: Connection) -> Seal | None:
    """The newest seal."""
    query = sa.select(*audit_seal.columns).order_by(audit_seal.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Seal(**row._mapping)


def find_seal(connection: Connection, number: int) -> Seal | None:
    """One seal."""
    row = connection.execute(sa.select(*audit_seal.columns).where(audit_seal.c.number == number)).one_or_none()
    return None if row is None else Seal(**row._mapping)


def seals(connection: Connection) -> Iterator[Seal]:
    """All seals in order, few of them in memory."""
    query = sa.select(*audit_seal.columns).order_by(audit_seal.c.number)
    with connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as result:
        for row in result:
            yield Seal(**row._mapping)


def rows_of(connection: Connection, number: int) -> Iterator[dict[str, Any]]:
    """The rows that say they are in a seal."""
    t = audit_log
    query = sa.select(*t.columns).where(t.c.seal == number).order_by(t.c.key)
    with connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as result:
        for row in result:
            yield dict(row._mapping)


def rows_of_no_seal(connection: Connection) -> Iterator[tuple[int, int]]:
    """Key and seal of rows that name a seal which is not there."""
    t = audit_log
    there = sa.exists().where(audit_seal.c.number == t.c.seal)
    query = sa.select(t.c.key, t.c.seal).where(t.c.seal.is_not(None), ~there).order_by(t.c.key)
    with connection.execute(query, execution_options={"yield_per": _AT_ONCE}) as result:
        for row in result:
            yield row.key, row.seal


def insert_seal(connection: Connection, seal: Seal, keys: list[int]) -> None:
    """Adds a seal, and notes it with its rows."""
    values: dict[str, Any] = asdict(seal)
    rows.insert(connection, audit_seal, [values])
    connection.execute(audit_log.update().where(audit_log.c.key.in_(keys)).values(seal=seal.number))
