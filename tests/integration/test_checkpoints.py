"""SQLite's log is copied beside the work: it does not grow without end, and nobody who reads or writes notices."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.services import cluster_variables
from bpm_server.store import checkpoints
from bpm_server.store.checkpoints import WRITES, Checkpointer
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from tests.support.product import Product

BEFORE = -1


@pytest.fixture
def file(bpm_sqlite: Product) -> Path:
    """The database file; its log lies beside it."""
    cluster_variables.create_cluster_variable(bpm_sqlite.server, ADMIN, "n", BEFORE)
    path = Path(bpm_sqlite.server.database.url.database or "")
    bpm_sqlite.server.database.empty_log()
    return path


def write(bpm: Product, times: int) -> None:
    for number in range(times):
        cluster_variables.update_cluster_variable(bpm.server, ADMIN, "n", number)


def in_file(file: Path) -> str:
    """What the database would hold without its log."""
    copy = file.with_name("copy.db")
    shutil.copyfile(file, copy)
    alone = sqlite3.connect(f"file:{copy}?immutable=1", uri=True)
    found = alone.execute("SELECT value FROM cluster_variable").fetchone()
    alone.close()
    return str(found[0])


def log_bytes(file: Path) -> int:
    return file.with_name(f"{file.name}-wal").stat().st_size


def test_what_was_written_is_copied_when_there_is_enough(bpm_sqlite: Product, file: Path) -> None:
    copier = Checkpointer(bpm_sqlite.server.database)
    write(bpm_sqlite, WRITES - 2)
    copier.round()
    assert in_file(file) == str(BEFORE)
    write(bpm_sqlite, 2)
    copier.round()
    assert in_file(file) == str(1)
    write(bpm_sqlite, 1)
    copier.round()
    assert in_file(file) == str(1)


def test_the_log_begins_anew(bpm_sqlite: Product, file: Path) -> None:
    copier = Checkpointer(bpm_sqlite.server.database)
    write(bpm_sqlite, WRITES)
    grown = log_bytes(file)
    for _ in range(5):
        copier.round()
        write(bpm_sqlite, WRITES)
    assert log_bytes(file) < grown * 1.5


def test_who_reads_an_old_moment_is_not_disturbed_and_disturbs_nobody(bpm_sqlite: Product, file: Path) -> None:
    copier = Checkpointer(bpm_sqlite.server.database)
    write(bpm_sqlite, WRITES)
    value = sa.text("SELECT value FROM cluster_variable")
    with bpm_sqlite.server.database.snapshot() as reader:
        before = reader.execute(value).scalar_one()
        write(bpm_sqlite, WRITES)
        copier.round()
        write(bpm_sqlite, 1)
        assert reader.execute(value).scalar_one() == before
    write(bpm_sqlite, WRITES)
    copier.round()
    assert in_file(file) == str(WRITES - 1)


def test_without_a_pause_between_writes_the_log_has_an_end(
    bpm_sqlite: Product, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LONG", 200)
    copier = Checkpointer(bpm_sqlite.server.database)
    done = threading.Event()

    def keep_writing() -> None:
        while not done.is_set():
            write(bpm_sqlite, 1)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    pages: list[int] = []
    try:
        while len(pages) < 5:
            copied = bpm_sqlite.server.database.writes
            while bpm_sqlite.server.database.writes < copied + WRITES:
                done.wait(0.005)
            copier.round()
            pages.append(bpm_sqlite.server.database.copy_log())
    finally:
        done.set()
        writer.join()
    assert max(pages) < 1_000, pages


def test_another_process_that_writes_is_waited_for_and_then_left_alone(
    bpm_sqlite: Product, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LONG", 1)
    copier = Checkpointer(bpm_sqlite.server.database)
    write(bpm_sqlite, WRITES)
    other = sqlite3.connect(file, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        copier.round()
        other.execute("ROLLBACK")
    finally:
        other.close()
    write(bpm_sqlite, 1)  # nothing is locked
    assert in_file(file) != str(BEFORE)


def test_a_thread_does_it_as_long_as_the_server_runs(bpm_sqlite: Product, file: Path) -> None:
    copier = Checkpointer(bpm_sqlite.server.database)
    copier.start()
    write(bpm_sqlite, WRITES)
    for _ in range(400):
        if in_file(file) != str(BEFORE):
            break
        threading.Event().wait(0.05)
    copier.stop()
    assert in_file(file) != str(BEFORE)
