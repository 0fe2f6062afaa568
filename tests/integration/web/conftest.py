"""Fixtures of the REST API: the application on SQLite and on PostgreSQL, signed in as the administrator."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support import postgresql, worlds
from tests.support.rest import add_person, application

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product
    from tests.support.rest import Rest


@pytest.fixture
def nobody(bpm: Product) -> Rest:
    """Nobody is signed in."""
    return application(bpm)[1]


@pytest.fixture
def rest(bpm: Product, nobody: Rest) -> Rest:
    """An administrator."""
    return nobody.as_(add_person(bpm, "root", roles=("admin",)))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[worlds.World]:
    """A company that wrong requests must leave as it is; one for all tests of a module."""
    folder = tmp_path_factory.mktemp("world")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "bpm.db")
        with worlds.world(f"sqlite:///{folder / 'bpm.db'}", folder) as found:
            yield found
        return
    cluster: postgresql.Cluster = request.getfixturevalue("postgresql_cluster")
    with cluster.fresh(postgresql.TEMPLATE) as url, worlds.world(url, folder) as found:
        yield found
