"""Random processes on random paths through the services: a restart after every command changes nothing.

Two servers go through the same on a database each; one of them finds nothing but its database after every command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from hypothesis import given, note
from hypothesis import strategies as st

from bpm_server.reports.replay import replay
from bpm_server.store.tables.instances import process_instance
from tests.support import postgresql
from tests.support.normalized import contents
from tests.support.random_path import moves
from tests.support.random_process import random_camunda7_process, random_process
from tests.support.randomly import randomly
from tests.support.twins import Twin, disposable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgresql import Cluster
    from tests.support.random_process.process import Blocks

STEPS = 40


@pytest.fixture(scope="module")
def on_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Twin]]:
    folder = tmp_path_factory.mktemp("twins")
    urls = []
    for name in ("one", "two"):
        path = folder / f"{name}.db"
        path.write_bytes(sqlite_template.read_bytes())
        urls.append(f"sqlite:///{path}")
    yield from twins(urls, folder)


@pytest.fixture(scope="module")
def on_postgresql(postgresql_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Twin]]:
    with (
        postgresql_cluster.fresh(postgresql.TEMPLATE) as one,
        postgresql_cluster.fresh(postgresql.TEMPLATE) as two,
    ):
        yield from twins([one, two], tmp_path_factory.mktemp("twins"))


def twins(urls: list[str], folder: Path) -> Iterator[tuple[Twin, Twin]]:
    databases = [disposable(url) for url in urls]
    yield Twin(databases[0], folder), Twin(databases[1], folder, restarts=True)
    for database in databases:
        database.dispose()


def draw_process(data: st.DataObject) -> Blocks:
    """One in five in the Camunda 7 dialect."""
    other = data.draw(st.integers(0, 4)) == 4
    drawing = random_camunda7_process(data.draw) if other else random_process(data.draw, calls=True)
    note(drawing.process.xml().decode())
    return drawing


def walk(pair: tuple[Twin, Twin], drawing: Blocks, data: st.DataObject) -> None:
    """A random path, both servers side by side."""
    for twin in pair:
        twin.begin()
        twin.bpm.deploy(drawing.process.xml())
        twin.commanded()
        twin.bpm.start("p", **drawing.variables)
        twin.commanded()
    compare(pair)
    for _ in range(STEPS):
        (one, other) = (moves(twin.bpm, drawing) for twin in pair)
        assert [name for name, _ in one] == [name for name, _ in other]
        if not one:
            break
        choice = data.draw(st.integers(0, len(one) - 1))
        note(one[choice][0])
        for twin, possible in zip(pair, (one, other), strict=True):
            possible[choice][1]()
            twin.commanded()
        compare(pair)


def compare(pair: tuple[Twin, Twin]) -> None:
    one, other = (contents(twin.database) for twin in pair)
    differences = {name: (one.get(name), other.get(name)) for name in one | other if one.get(name) != other.get(name)}
    assert not differences


def check(pair: tuple[Twin, Twin], drawing: Blocks, data: st.DataObject) -> None:
    walk(pair, drawing, data)
    bpm = pair[0].bpm
    for key in bpm.scalars(sa.select(process_instance.c.key)):
        assert replay(bpm.server, key).difference is None


@randomly(20)
@given(data=st.data())
def test_a_restart_after_every_command_changes_nothing(on_sqlite: tuple[Twin, Twin], data: st.DataObject) -> None:
    check(on_sqlite, draw_process(data), data)


@pytest.mark.postgresql
@randomly(4)
@given(data=st.data())
def test_a_restart_after_every_command_changes_nothing_on_postgresql(
    on_postgresql: tuple[Twin, Twin], data: st.DataObject
) -> None:
    check(on_postgresql, draw_process(data), data)
