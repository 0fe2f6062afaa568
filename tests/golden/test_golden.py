"""What earlier releases wrote goes on here: their databases are migrated, their instances finished.

The rest of each scenario must come out as in the golden trace of the real engine. A release adds a file
(``python -m tests.golden.record NAME``); none is ever changed.
"""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.store import migrate
from bpm_server.store.database import Database
from tests.conformance.test_scenarios import comparator
from tests.conformance.trace_driver import Scenario
from tests.golden.keeping import FOLDER, fill, make_tables, read

if TYPE_CHECKING:
    from types import ModuleType

    from tests.support.postgresql import Cluster

__all__ = ["comparator"]
pytestmark = pytest.mark.shared
RELEASES = sorted(path.name.removesuffix(".jsonl.xz") for path in FOLDER.glob("*.jsonl.xz"))
EACH = 12
"""On PostgreSQL every so-manieth is finished: its rows are the same, and SQLite has finished all."""
LOST = {
    "2026-11-22": {"random_11", "mi_par_until_cancels_sub", "esub_start_mi_sub"},
}
"""By release: what a bug of its time (mended since) had destroyed: active instances without tokens."""


@functools.cache
def lines(release: str) -> list[dict[str, Any]]:
    return read(FOLDER / f"{release}.jsonl.xz")


CASES = [
    (release, place)
    for release in RELEASES
    for place, line in enumerate(lines(release))
    if line["scenario"] not in LOST.get(release, ())
]


def named(case: tuple[str, int]) -> str:
    return f"{case[0]}-{lines(case[0])[case[1]]['scenario']}"


@pytest.fixture(scope="session")
def old_tables(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """SQLite files with the tables of a revision, made once."""

    @functools.cache
    def made(revision: str) -> Path:
        path = tmp_path_factory.mktemp("golden") / f"{revision}.db"
        database = Database(f"sqlite:///{path}")
        make_tables(database, revision)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.dispose()
        return path

    return made


def finish(line: dict[str, Any], database: Database, folder: Path, shared: Path, comparator: ModuleType) -> None:
    fill(database, line["rows"])
    migrate.upgrade(database)
    directory = shared / "scenarios" / line["scenario"]
    golden = json.loads((directory / "golden.json").read_text(encoding="utf-8"))
    snapshots = Scenario(directory, folder, database).go_on(line["steps"])
    rest = {"snapshots": golden["snapshots"][line["steps"] + 1 :]}
    assert snapshots and comparator.compare_runs(rest, {"snapshots": snapshots}) == {}


@pytest.mark.parametrize("case", CASES, ids=named)
def test_this_release_finishes_it(
    case: tuple[str, int], tmp_path: Path, shared: Path, comparator: ModuleType, old_tables: Any
) -> None:
    line = lines(case[0])[case[1]]
    shutil.copy(old_tables(line["revision"]), tmp_path / "bpm.db")
    database = Database(f"sqlite:///{tmp_path / 'bpm.db'}")
    finish(line, database, tmp_path, shared, comparator)
    database.dispose()


@pytest.mark.postgresql
@pytest.mark.parametrize("case", CASES[::EACH], ids=named)
def test_this_release_finishes_it_on_postgresql(
    case: tuple[str, int], tmp_path: Path, shared: Path, comparator: ModuleType, postgresql_cluster: Cluster
) -> None:
    line = lines(case[0])[case[1]]
    with postgresql_cluster.fresh("template0") as url:
        database = Database(url)
        make_tables(database, line["revision"])
        finish(line, database, tmp_path, shared, comparator)
        database.dispose()


def test_there_are_databases_of_earlier_releases() -> None:
    assert RELEASES
    assert all(len(lines(release)) > 100 for release in RELEASES)


@pytest.mark.parametrize("release", sorted(LOST))
def test_what_is_left_out_had_lost_its_tokens(release: str) -> None:
    found = {
        line["scenario"]
        for line in lines(release)
        if any(row["ended_at"] is None and row["tokens"] is None for row in line["rows"].get("process_instance", ()))
    }
    assert found == LOST[release]
