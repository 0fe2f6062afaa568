"""Old and new code side by side: what only adds comes first, what takes away waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.kernel.errors import WrongState
from bpm_server.store import migrate
from bpm_server.store.migrate import AFTER, BEFORE

if TYPE_CHECKING:
    from bpm_server.store.database import Database


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the phases of the migrations there are: revisions 1, 2, 3..."""

    def use(*phases: str) -> None:
        scripts = [
            SimpleNamespace(revision=str(number), module=SimpleNamespace(phase=phase))
            for number, phase in enumerate(phases, 1)
        ]
        monkeypatch.setattr(migrate, "_scripts", lambda: scripts)

    return use


@pytest.mark.parametrize(
    ("phases", "found", "first", "finished"),
    [
        ((BEFORE, BEFORE), None, "2", "2"),
        ((BEFORE, AFTER), None, "2", "2"),  # new tables: no old process can be there
        ((BEFORE, BEFORE, AFTER), "1", "2", "3"),
        ((BEFORE, AFTER, AFTER), "1", None, "3"),
        ((BEFORE, BEFORE), "2", None, None),
    ],
)
def test_where_each_step_goes(
    history: Any, phases: tuple[str, ...], found: str | None, first: str | None, finished: str | None
) -> None:
    history(*phases)
    assert migrate._target(found, finish=False) == first
    assert migrate._target(found, finish=True) == finished


def test_an_upgrade_that_was_not_finished_stops_the_next(history: Any) -> None:
    history(BEFORE, AFTER, BEFORE)
    with pytest.raises(WrongState, match=r"revision 2 to be finished .* --finish"):
        migrate._target("1", finish=False)
    assert migrate._target("1", finish=True) == "3"


def test_which_tables_a_release_runs_on(history: Any) -> None:
    history(BEFORE, BEFORE, AFTER)
    assert [migrate.serves(found) for found in (None, "1", "2", "3", "of-a-newer-release")] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_tables_of_a_newer_release(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.commit()
    migrate.upgrade(database, finish=False)  # beside the newer release
    with pytest.raises(WrongState, match="found 9999: a newer release has been here"):
        migrate.upgrade(database)
