"""Random processes on random paths through the services: a restart after every command changes nothing.

Two servers go through the same on a database each; one of them finds nothing but its database after every command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from bpm_server.reports.replay import replay
from bpm_server.services import suspension
from bpm_server.services.examining import examine
from bpm_server.store import large_values
from tests.support import postgresql
from tests.support.orphans import orphans
from tests.support.product import ADMIN
from tests.support.random_path import moves
from tests.support.random_process import random_camunda7_process, random_process
from tests.support.randomly import randomly
from tests.support.rebuilding import differences, rebuild
from tests.support.snapshot import Snapshot, difference
from tests.support.twins import Twin, disposable, empty

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.postgresql import Cluster
    from tests.support.random_process.process import Blocks

STEPS = 40
pytestmark = pytest.mark.timeout(7_200)  # a failure is made small before it is shown


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
    for _ in range(STEPS):
        found = compared(pair)
        possible = [moves(twin.bpm, each, drawing) for twin, each in zip(pair, found, strict=True)]
        names = [name for name, _ in possible[0]]
        assert names == [name for name, _ in possible[1]]
        if not names:
            break
        choice = data.draw(st.integers(0, len(names) - 1))
        note(names[choice])
        for twin, each in zip(pair, possible, strict=True):
            each[choice][1]()
            twin.commanded()
    compared(pair)


def compared(pair: tuple[Twin, Twin]) -> list[Snapshot]:
    """What both databases hold, which is the same."""
    found = [Snapshot(twin.database) for twin in pair]
    assert not difference(*found)
    return found


def check(pair: tuple[Twin, Twin], drawing: Blocks, data: st.DataObject) -> None:
    """The path; then what the journal says of it: the commands run again, and the tables made again from the events."""
    walk(pair, drawing, data)
    straight, other = pair
    for found in Snapshot(straight.database).rows("process_instance", ended_at=None):
        if found["suspended_at"] is not None:  # what a suspended instance keeps for later is not in the journal yet
            suspension.resume_instance(straight.bpm.server, ADMIN, found["key"])
    assert not list(orphans(Snapshot(straight.database)))
    assert not [defect for defect in examine(straight.bpm.server) if defect.severity == "error"]
    for found in Snapshot(straight.database).rows("process_instance"):
        assert replay(straight.bpm.server, found["key"]).difference is None
    empty(other.database)
    rebuild(straight.database, other.database)
    assert not differences(straight.database, other.database)


@randomly(22)
@given(data=st.data())
def test_a_restart_after_every_command_changes_nothing(on_sqlite: tuple[Twin, Twin], data: st.DataObject) -> None:
    check(on_sqlite, draw_process(data), data)


@randomly(3)
@given(data=st.data())
def test_a_restart_changes_nothing_where_every_value_has_a_row_of_its_own(
    on_sqlite: tuple[Twin, Twin], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_values, "LARGE", 8)
        check(on_sqlite, draw_process(data), data)


@pytest.mark.postgresql
@randomly(3)
@given(data=st.data())
def test_a_restart_after_every_command_changes_nothing_on_postgresql(
    on_postgresql: tuple[Twin, Twin], data: st.DataObject
) -> None:
    check(on_postgresql, draw_process(data), data)
