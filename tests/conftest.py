"""Fixtures for all tests: databases, the product on one of them, conformance data."""

from __future__ import annotations

import functools
import os
import shutil
from typing import TYPE_CHECKING

import argon2
import hypothesis
import pytest

from bpm_server.services import identities
from bpm_server.store import migrate
from bpm_server.store.database import Database
from tests.support import postgresql
from tests.support.product import START, Product
from tests.support.services import shared_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


# `make test` draws the same examples every time, so that a failure belongs to a change; `make proof` draws new ones.
hypothesis.settings.register_profile("test", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("proof", deadline=None, print_blob=True)
hypothesis.settings.load_profile("proof" if os.environ.get("BPM_PROOF") == "1" else "test")


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """Passwords are made to be slow to guess; here thousands of people get one."""
    quick = functools.partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identities, "PasswordHasher", quick)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of conformance data."""
    return shared_data()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file; tests copy it."""
    path = tmp_path_factory.mktemp("template") / "bpm.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[postgresql.Cluster]:
    """A running PostgreSQL with a migrated template database."""
    with postgresql.cluster() as cluster:
        database = Database(cluster.create(postgresql.TEMPLATE))
        migrate.upgrade(database)
        database.dispose()
        yield cluster
        cluster.close()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a fresh SQLite database."""
    path = tmp_path / "bpm.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a fresh, migrated database; each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    cluster: postgresql.Cluster = request.getfixturevalue("postgresql_cluster")
    with cluster.lent() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database on SQLite and on PostgreSQL."""
    found = Database(database_url, pool_size=20)
    yield found
    found.dispose()


@pytest.fixture
def postgresql_database(postgresql_cluster: postgresql.Cluster) -> Iterator[Database]:
    """A migrated, empty database on PostgreSQL alone, for what SQLite has not."""
    with postgresql_cluster.lent() as url:
        found = Database(url, pool_size=20)
        yield found
        found.dispose()


@pytest.fixture
def bpm(database: Database, tmp_path: Path) -> Product:
    """The product on a fresh database, its clock standing at ``START``."""
    product = Product.on(database, tmp_path)
    product.clock.set(START)
    return product


@pytest.fixture
def bpm_postgresql(postgresql_database: Database, tmp_path: Path) -> Product:
    """The product on PostgreSQL alone, for what SQLite has not."""
    product = Product.on(postgresql_database, tmp_path)
    product.clock.set(START)
    return product


@pytest.fixture
def bpm_sqlite(sqlite_url: str, tmp_path: Path) -> Iterator[Product]:
    """The product on SQLite alone, for what does not depend on the database."""
    database = Database(sqlite_url, pool_size=20)
    product = Product.on(database, tmp_path)
    product.clock.set(START)
    yield product
    database.dispose()
