"""Seals of the audit log: whatever was changed, deleted or put in by hand is named."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.connectors.secrets import SecretBox
from bpm_server.domain.sealing import FORMAT, FORMATS, Break
from bpm_server.reports.audit_seals import Verdict, verify
from bpm_server.services import groups, sealing
from bpm_server.store.backup import back_up
from bpm_server.store.backup_file import Reader
from bpm_server.store.database import Database
from bpm_server.store.restore import restore
from bpm_server.store.tables.audit import audit_log, audit_seal
from bpm_server.worker import rounds
from tests.support.product import ADMIN, Product

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 5


def act(bpm: Product, *names: str) -> None:
    for name in names:
        groups.create_group(bpm.server, ADMIN, name, None)


def look(bpm: Product, noted: tuple[int, str] | None = None) -> tuple[Verdict, list[tuple[str, int, Any]]]:
    found: list[Break] = []
    box = bpm.server.secrets
    keys = [box.key(sealing.PURPOSE), *box.old_keys(sealing.PURPOSE)]
    verdict = verify(bpm.server.database, keys, found.append, noted)
    assert verdict.errors + verdict.warnings == len(found)
    assert all(each.message.startswith("Expected ") for each in found)
    return verdict, [(each.kind, each.seal, each.key) for each in found]


def by_hand(bpm: Product, statement: Any) -> None:
    with bpm.server.database.write() as connection:
        connection.execute(statement)
        connection.commit()


@pytest.fixture
def sealed(bpm: Product, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keys of 15 rows in three seals."""
    monkeypatch.setattr(sealing, "ROWS", ROWS)
    act(bpm, *[f"u{number}" for number in range(3 * ROWS)])
    assert [sealing.seal_audit_log(bpm.server) for _ in range(4)] == [ROWS, ROWS, ROWS, 0]
    return bpm.scalars(sa.select(audit_log.c.key).order_by(audit_log.c.key))


def test_a_log_that_nobody_touched_is_whole(bpm: Product, sealed: list[int]) -> None:
    verdict, found = look(bpm)
    assert found == []
    assert (verdict.seals, verdict.rows, verdict.unsealed) == (3, 15, 0)
    assert verdict.last is not None
    act(bpm, "later")
    verdict, found = look(bpm, verdict.last)
    assert (found, verdict.unsealed) == ([], 1)


def test_few_rows_wait_for_more(bpm: Product) -> None:
    act(bpm, "one")
    assert sealing.seal_audit_log(bpm.server) == 0
    bpm.clock.advance(minutes=2)
    assert sealing.seal_audit_log(bpm.server) == 1


def test_the_worker_seals(bpm: Product) -> None:
    act(bpm, "one")
    bpm.clock.set(bpm.clock.now() + timedelta(minutes=2))
    rounds.run_until_idle(bpm.server)
    assert look(bpm)[0].seals == 1


def test_a_changed_value_is_named(bpm: Product, sealed: list[int]) -> None:
    (row,) = bpm.rows(audit_log.select().where(audit_log.c.key == sealed[7]))
    others: dict[type, Any] = {int: 7, str: "other", datetime: row.at + timedelta(microseconds=1)}
    for column in FORMATS[FORMAT][1:]:
        kind = datetime if column == "at" else audit_log.c[column].type.python_type
        change = audit_log.update().where(audit_log.c.key == sealed[7])
        by_hand(bpm, change.values({column: others[kind]}))
        assert look(bpm)[1] == [("changed", 2, sealed[7])], column
        by_hand(bpm, change.values({column: row._mapping[column]}))
    assert look(bpm)[1] == []


def test_a_deleted_row_is_named(bpm: Product, sealed: list[int]) -> None:
    by_hand(bpm, audit_log.delete().where(audit_log.c.key == sealed[0]))
    assert look(bpm)[1] == [("deleted", 1, sealed[0])]


def test_a_row_that_leaves_its_seal_is_named(bpm: Product, sealed: list[int]) -> None:
    by_hand(bpm, audit_log.update().where(audit_log.c.key == sealed[0]).values(seal=None))
    assert look(bpm)[1] == [("deleted", 1, sealed[0])]


def test_an_inserted_row_is_named(bpm: Product, sealed: list[int]) -> None:
    (row,) = bpm.rows(audit_log.select().where(audit_log.c.key == sealed[7]))
    taken = set(sealed)  # of one millisecond they are neighbours
    free = next(key for key in itertools.count(sealed[7]) if key not in taken)
    by_hand(bpm, audit_log.insert().values({**row._mapping, "key": free}))
    assert look(bpm)[1] == [("inserted", 2, free)]


def test_a_row_of_long_ago_that_comes_later_is_suspicious(bpm: Product, sealed: list[int]) -> None:
    (row,) = bpm.rows(audit_log.select().where(audit_log.c.key == sealed[7]))
    hour = 3_600_000 << 22
    by_hand(bpm, audit_log.insert().values({**row._mapping, "key": sealed[7] - hour, "seal": None}))
    bpm.clock.set(bpm.clock.now() + timedelta(minutes=2))
    assert sealing.seal_audit_log(bpm.server) == 1
    verdict, found = look(bpm)
    assert found == [("late", 4, sealed[7] - hour)]
    assert (verdict.errors, verdict.warnings) == (0, 1)


@pytest.mark.parametrize(
    "values", [{"entries": b""}, {"digest": "1" * 64}, {"sealed_at": None}, {"previous": "1" * 64}]
)
def test_a_changed_seal_is_named(bpm: Product, sealed: list[int], values: dict[str, Any]) -> None:
    if "sealed_at" in values:
        values = {"sealed_at": bpm.clock.now() + timedelta(days=1)}
    by_hand(bpm, audit_seal.update().where(audit_seal.c.number == 2).values(values))
    found = look(bpm)[1]
    assert found[0] == ("seal-changed", 2, None)
    assert {seal for _, seal, _ in found} <= {2, 3}


def test_deleted_seals_are_named(bpm: Product, sealed: list[int]) -> None:
    last = look(bpm)[0].last
    by_hand(bpm, audit_seal.delete().where(audit_seal.c.number == 2))
    assert look(bpm)[1] == [("seal-missing", 2, None), *[("seal-missing", 2, key) for key in sealed[5:10]]]
    # Who deletes the end with its rows is found out by a seal that was noted elsewhere.
    by_hand(bpm, audit_seal.delete().where(audit_seal.c.number >= 2))
    by_hand(bpm, audit_log.delete().where(audit_log.c.seal >= 2))
    assert look(bpm)[1] == []
    assert look(bpm, last)[1] == [("seal-missing", 3, None)]


def test_only_the_installations_own_key_verifies(bpm: Product, sealed: list[int]) -> None:
    found: list[Break] = []
    verify(bpm.server.database, [b"another key"], found.append)
    assert [each.kind for each in found] == ["other-key"] * 3


def test_seals_of_an_old_key_hold_after_a_new_one(bpm: Product, sealed: list[int]) -> None:
    turned = Product(replace(bpm.server, secrets=SecretBox("y" * 32, ["x" * 32])))
    act(turned, *[f"v{number}" for number in range(ROWS)])
    assert sealing.seal_audit_log(turned.server) == ROWS
    verdict, found = look(turned)
    assert (verdict.seals, found) == (4, [])
    assert [kind for kind, _, _ in look(bpm)[1]] == ["other-key"]


def test_seals_hold_after_a_move_to_another_database(bpm: Product, sealed: list[int], tmp_path: Path) -> None:
    back_up(bpm.server.database, tmp_path / "one.backup", "k")
    target = Database(f"sqlite:///{tmp_path / 'target.db'}")
    archive = Reader(tmp_path / "one.backup")
    restore(target, archive, None, replace=False)
    archive.close()
    moved = Product.on(target, tmp_path)
    verdict, found = look(moved)
    assert (verdict.seals, verdict.rows, found) == (3, 15, [])
    target.dispose()


def test_every_column_is_sealed() -> None:
    assert set(FORMATS[FORMAT]) == set(audit_log.columns.keys()) - {"seal"}, "a new column needs a new format"
