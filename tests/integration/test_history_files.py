"""The archive has everything of an instance before the database has it no more."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.kernel.errors import NotFound
from bpm_server.services import retention, tasks
from bpm_server.store import history_files
from bpm_server.store import retention as store
from bpm_server.store.tables import db
from bpm_server.worker import rounds
from tests.support.contention import at_once
from tests.support.contents import contents, row_counts
from tests.support.ended import DMN, STAYS, archived, finish, rich, roots, run_all, run_rich, simple
from tests.support.product import ADMIN, START

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.product import Product


def same(archived_value: Any, stored: Any) -> bool:
    """Whether the archive says what the column held: keys as text, JSON as JSON, moments in ISO 8601."""
    if isinstance(stored, datetime):
        return datetime.fromisoformat(archived_value) == stored
    if isinstance(stored, bytes):
        return bytes(archived_value.encode()) == stored
    if isinstance(stored, str) and archived_value != stored:
        return json.loads(stored) == archived_value
    return archived_value in (stored, str(stored)) if isinstance(stored, int) else archived_value == stored


def test_an_archive_has_every_row_and_can_be_read_without_us(bpm: Product, tmp_path: Path) -> None:
    bpm.deploy(rich(), ("level.dmn", DMN))
    key = run_rich(bpm)
    expected: dict[str, list[Any]] = {}
    for name, table in db.metadata.tables.items():
        rows = bpm.rows(sa.select(table).order_by(*table.primary_key.columns))
        if rows and (name in ("process_instance", "webhook_attempt") or "instance_key" in table.columns):
            expected[name] = rows
    for name in STAYS:
        expected.pop(name, None)
    bpm.clock.set(START + timedelta(days=30))
    removed = run_all(bpm, folder=tmp_path / "archive")
    assert [path.parent.name for path in removed.files] == ["2026-01-31"]
    (tree,) = archived(tmp_path / "archive")
    assert {name: len(rows) for name, rows in tree["tables"].items()} == {
        name: count for name, count in removed.rows.items() if count
    }
    assert set(tree["tables"]) == set(expected)
    for name, rows in expected.items():
        for stored, found in zip(rows, tree["tables"][name], strict=True):
            assert set(found) == set(stored._mapping)
            assert all(same(found[column], value) for column, value in stored._mapping.items()), (name, stored, found)
    about = {name: tree[name] for name in ("format", "processInstanceKey", "processId", "state", "endedAt")}
    assert about == {
        "format": 1, "processInstanceKey": str(key), "processId": "caller", "state": "COMPLETED",
        "endedAt": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    values = {row["name"]: row["value"] for row in tree["tables"]["variable"] if row["scope_key"] == str(key)}
    assert values == {"order": "A", "amount": 5, "text": "文字", "level": 10, "results": [1, 2]}
    assert tree["tables"]["webhook_delivery"][0]["payload"] == '{"amount": 500000.10}'
    assert [row["text"] for row in tree["tables"]["task_comment"]] == ["looks fine"] * 2
    assert tree["tables"]["journal"][0]["command"][0] == "start"


def test_where_the_archive_cannot_be_written_nothing_is_removed(bpm: Product, tmp_path: Path) -> None:
    bpm.deploy(simple("0"))
    keys = finish(bpm, 3)
    (tmp_path / "file").write_text("in the way")
    before = contents(bpm)
    with pytest.raises(OSError, match="file"):
        retention.remove_ended(bpm.server, SYSTEM, keys, folder=tmp_path / "file")
    assert contents(bpm) == before
    worker = bpm.with_settings(archive_dir=str(tmp_path / "file"))
    assert rounds.remove_history(worker.server) == 0  # says so in the log; the rest of the lane goes on
    assert contents(bpm) == before
    assert rounds.remove_history(bpm.with_settings(archive_dir=str(tmp_path / "good")).server) == 3
    assert len(archived(tmp_path / "good")) == 3


class Killed(BaseException):
    """The process ends here."""


def test_a_batch_killed_midway_loses_nothing(bpm: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the archive is written, and after some tables are deleted."""
    bpm.deploy(rich("0"), ("level.dmn", DMN))
    key = run_rich(bpm)
    before = contents(bpm)

    def die(*_: Any) -> None:
        raise Killed

    for place, name in ((store, "delete_instances"), (history_files, "sync_folder")):
        with monkeypatch.context() as patched:
            patched.setattr(place, name, die)
            with pytest.raises(Killed):
                retention.remove_ended(bpm.server, SYSTEM, [key], folder=tmp_path)
        assert contents(bpm) == before
    assert run_all(bpm, folder=tmp_path).trees == 1
    assert retention.remove_ended(bpm.server, SYSTEM, [key], folder=tmp_path).trees == 0
    found = archived(tmp_path)
    assert {tree["processInstanceKey"] for tree in found} == {str(key)}
    assert all(tree["tables"] == found[0]["tables"] for tree in found)


def test_cleanups_at_the_same_time_remove_and_archive_each_instance_once(bpm: Product, tmp_path: Path) -> None:
    bpm.deploy(simple("0"))
    keys = finish(bpm, 60)

    def clean(_number: int) -> int:
        trees = 0
        while found := retention.removable(bpm.server):
            trees += retention.remove_ended(bpm.server, SYSTEM, found, folder=tmp_path).trees
        return trees

    assert sum(at_once(4, clean)) == len(keys)
    assert sorted(tree["processInstanceKey"] for tree in archived(tmp_path)) == sorted(map(str, keys))
    assert roots(bpm) == []


def test_a_comment_is_archived_or_refused(bpm: Product, tmp_path: Path) -> None:
    """Whoever comments while the instance is removed is told so, or finds the comment in the archive."""
    bpm.deploy(simple("0"))
    key = bpm.start()
    task = bpm.task("a")
    task.complete()

    def act(number: int) -> Any:
        if number == 0:
            while not retention.remove_ended(bpm.server, SYSTEM, [key], folder=tmp_path).trees:
                pass  # who comments holds the instance
            return None
        return tasks.comment_task(bpm.server, ADMIN, task.key, f"comment {number}")

    results = at_once(8, act)
    assert all(isinstance(result, int | NotFound) for result in results[1:]), results
    accepted = {f"comment {n}" for n, result in enumerate(results) if isinstance(result, int)}
    (tree,) = archived(tmp_path)
    assert {row["text"] for row in tree["tables"].get("task_comment", [])} == accepted
    assert row_counts(bpm)["task_comment"] == 0
