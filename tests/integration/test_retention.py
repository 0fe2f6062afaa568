"""What has ended is removed when its time is over: whole call trees, archived before, and nothing that is needed."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM, Actor
from bpm_server.domain.retention import Ended
from bpm_server.kernel.errors import Forbidden, NotFound
from bpm_server.reports import retention as report
from bpm_server.services import process_instances, retention, tasks, webhook_endpoints
from bpm_server.store import archive, outbox
from bpm_server.store import retention as store
from bpm_server.store.tables import db
from bpm_server.store.tables.connectors import webhook_attempt, webhook_delivery
from bpm_server.store.tables.instances import process_instance
from bpm_server.worker import rounds
from tests.integration.test_concurrency import at_once
from tests.support.bpmn_builder import Process, extensions, multi_instance
from tests.support.contents import contents, row_counts
from tests.support.product import ADMIN, START, Product
from tests.support.statements import counted

if TYPE_CHECKING:
    from pathlib import Path

DMN = b"""<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="D" namespace="http://e.org">
  <decision id="level" name="Level"><literalExpression id="l"><text>amount * 2</text></literalExpression></decision>
</definitions>"""
STAYS = {"audit_log", "batch_operation_item", "document"}
"""Logs of who did what outlive instances; documents have an end of their own."""


def kept_for(p: Process, text: str) -> Process:
    p.elements.append(
        extensions(f'<zeebe:properties><zeebe:property name="historyTimeToLive" value="{text}"/></zeebe:properties>')
    )
    return p


def simple(days: str = "30", process_id: str = "p") -> bytes:
    p = kept_for(Process(process_id), days)
    p.path(p.start(), p.user("a"), p.end())
    return p.xml()


def rich(days: str = "30") -> bytes:
    """Fills the tables of history: decisions, items, jobs, messages, called instances."""
    p = kept_for(Process("caller"), days)
    p.message("m", "paid", "=order")
    rule = extensions('<zeebe:calledDecision decisionId="level" resultVariable="level"/>')
    called = extensions('<zeebe:calledElement processId="called" propagateAllChildVariables="false"/>')
    each = multi_instance("=[1, 2]", "n", output=("results", "=n"))
    p.path(
        p.start(),
        p.add("businessRuleTask", "rule", rule),
        p.service("j", "work"),
        p.add("receiveTask", "r", messageRef="m"),
        p.user("each", body=each),
        p.add("callActivity", "call", called),
        p.end(),
    )
    other = p.another("called")
    other.path(other.start("cs"), other.user("b"), other.end("ce"))
    return p.xml()


def run_rich(bpm: Product) -> int:
    key = bpm.start("caller", order="A", amount=5, text="文字")
    bpm.complete_job("j")
    bpm.publish("paid", "A")
    for nth in (0, 0):
        tasks.comment_task(bpm.server, ADMIN, bpm.task("each", nth).key, "looks fine")
        bpm.task("each", nth).complete()
    bpm.task("b").complete()
    assert bpm.state(key) == "COMPLETED"
    insert_delivery(bpm, key, "delivered")
    return key


def insert_delivery(bpm: Product, instance: int, state: str) -> int:
    """A webhook as an element of the instance left it, with one attempt."""
    key, now = bpm.server.new_key(), bpm.clock.now()
    values = {
        "key": key, "endpoint_name": "finance", "webhook_id": f"msg_{key}", "event_type": "order", "state": state,
        "payload": b'{"amount": 500000.10}', "attempts": 1, "next_at": now + timedelta(days=999), "lease": None,
        "job_key": None, "instance_key": instance, "element_key": None, "chunk": 0, "replay_of": None,
        "created_at": now, "ended_at": now, "suspended": False,
    }  # fmt: skip
    with bpm.server.database.write() as connection:
        connection.execute(webhook_delivery.insert().values(values))
        connection.execute(
            webhook_attempt.insert().values(delivery_key=key, number=1, at=now, duration_ms=5, status=200)
        )
        connection.commit()
    return key


def finish(bpm: Product, count: int, process_id: str = "p") -> list[int]:
    keys = [bpm.start(process_id) for _ in range(count)]
    for key in keys:
        bpm.task("a", instance=key).complete()
    return keys


def roots(bpm: Product) -> list[int]:
    return bpm.scalars(sa.select(process_instance.c.key).order_by(process_instance.c.key))


def archived(folder: Path) -> list[dict[str, Any]]:
    """Reads an archive with nothing of ours."""
    found = []
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found += [json.loads(line) for line in file]
    assert not list(folder.rglob("*.unfinished"))
    return found


def run_all(bpm: Product, which: Ended = retention.DUE, folder: Path | None = None) -> retention.Removed:
    total, after = retention.Removed(), 0
    while keys := retention.removable(bpm.server, which, after):
        total.add(retention.remove_ended(bpm.server, SYSTEM, keys, which, folder))
        after = keys[-1] if which.before else 0
    return total


# --- when -------------------------------------------------------------------------------------------------


def test_an_instance_goes_when_its_time_is_over_and_not_before(bpm: Product) -> None:
    bpm.deploy(simple())
    (key,) = finish(bpm, 1)
    assert bpm.scalars(sa.select(process_instance.c.removal_at)) == [START + timedelta(days=30)]
    bpm.clock.set(START + timedelta(days=30) - timedelta(microseconds=1))
    bpm.deliver()
    assert roots(bpm) == [key]
    bpm.clock.set(START + timedelta(days=30))
    assert bpm.deliver() == 1
    assert roots(bpm) == []


def test_what_nobody_has_set_a_time_for_is_kept(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml())
    (key,) = finish(bpm, 1)
    bpm.clock.set(START + timedelta(days=20_000))
    assert bpm.deliver() == 0
    assert roots(bpm) == [key]


def test_the_installation_decides_where_the_process_does_not(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    bpm.deploy(p.xml(), ("own.bpmn", simple("P2D", "own")))
    bpm = bpm.with_settings(history_days=10)
    finish(bpm, 1)
    finish(bpm, 1, "own")
    query = sa.select(process_instance.c.process_id, process_instance.c.removal_at)
    assert dict(map(tuple, bpm.rows(query))) == {"p": START + timedelta(days=10), "own": START + timedelta(days=2)}


def test_a_new_version_decides_for_what_ends_by_it(bpm: Product) -> None:
    bpm.deploy(simple("30"))
    old = bpm.start()
    bpm.deploy(simple("10"))
    new = bpm.start()
    for key in (old, new):
        bpm.task("a", instance=key).complete()
    found = bpm.scalars(sa.select(process_instance.c.removal_at).order_by(process_instance.c.key))
    assert found == [START + timedelta(days=30), START + timedelta(days=10)]


def test_a_canceled_instance_goes_too_and_one_that_runs_does_not(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    canceled, running = bpm.start(), bpm.start()
    process_instances.cancel_instance(bpm.server, ADMIN, canceled)
    bpm.deliver()
    assert roots(bpm) == [running]
    assert run_all(bpm, Ended(before=START + timedelta(days=999))).trees == 0
    bpm.task("a", instance=running).complete()
    bpm.deliver()
    assert roots(bpm) == []


def test_the_wait_of_the_worker_ends_when_the_next_time_is_over(bpm: Product) -> None:
    bpm.deploy(simple("P1D"), ("now.bpmn", simple("0", "now")))
    finish(bpm, 1)
    assert rounds.wait_s(bpm.server, ("history",), 200_000) == 86_400
    (needed,) = finish(bpm, 1, "now")
    insert_delivery(bpm, needed, "waiting")
    assert bpm.deliver() == 0
    assert rounds.wait_s(bpm.server, ("history",), 200_000) == 86_400  # it is not looked at again and again


# --- what ---------------------------------------------------------------------------------------------------


def test_everything_of_the_tree_goes_and_nothing_else(bpm: Product) -> None:
    bpm.deploy(rich(), ("level.dmn", DMN))
    run_rich(bpm)
    before = row_counts(bpm)
    bpm.clock.set(START + timedelta(days=1))
    run_rich(bpm)
    mine = set(roots(bpm)[2:])
    bpm.clock.set(START + timedelta(days=29))
    removed = run_all(bpm, Ended(before=START + timedelta(hours=1)))
    assert (removed.trees, removed.instances) == (1, 2)
    after = row_counts(bpm)
    assert {name for name in before if after[name] > before[name]} <= STAYS
    assert {name for name in before if after[name] != before[name]} <= STAYS
    assert set(roots(bpm)) == mine
    bpm.clock.set(START + timedelta(days=31))
    removed.add(run_all(bpm))
    assert roots(bpm) == []
    left = "\n".join(line for table, lines in contents(bpm).items() if table not in STAYS for line in lines)
    assert not any(str(key) in left for key in mine)
    assert removed.rows.total() == sum(removed.rows.values()) > 60


def test_every_table_that_names_an_instance_is_thought_of(bpm: Product) -> None:
    """A new table with instances in it is deleted with them, or named here with the reason."""
    bpm.deploy(simple())
    keys = finish(bpm, 1)
    with counted(bpm.server.database) as statements, bpm.server.database.write() as connection:
        store.delete_trees(connection, keys)
    deleted = {text.split()[2] for text in statements.texts if text.startswith("DELETE FROM")}
    named = {
        name for name, table in db.metadata.tables.items() if {"instance_key", "root_key"} & set(table.columns.keys())
    }
    assert named - deleted == STAYS


def test_running_parts_deliveries_on_their_way_and_kept_messages_hold_a_tree(bpm: Product) -> None:
    p = kept_for(Process("takes"), "0")
    p.message("m", "paid", "=order")
    p.path(p.start(), p.add("receiveTask", "r", messageRef="m"), p.end())
    bpm.deploy(p.xml(), ("rich.bpmn", rich("0")), ("p.bpmn", simple("0")), ("level.dmn", DMN))
    reached = bpm.start("takes", order="K")
    bpm.publish("paid", "K", ttl_ms=60_000)
    (sending,) = finish(bpm, 1)
    delivery = insert_delivery(bpm, sending, "waiting")
    tree = run_rich(bpm)
    child = bpm.scalars(sa.select(process_instance.c.key).where(process_instance.c.parent_key == tree))[0]
    set_end(bpm, child, None)
    assert bpm.state(reached) == "COMPLETED"
    assert bpm.deliver() == 0
    assert roots(bpm) == [reached, sending, tree, child]

    set_end(bpm, child, START)
    bpm.deliver()
    assert roots(bpm) == [reached, sending]
    with bpm.server.database.write() as connection:
        outbox.update_delivery(connection, delivery, state="failed")
        connection.commit()
    bpm.deliver()
    assert roots(bpm) == [reached]
    again = bpm.start("takes", order="K")
    assert bpm.state(again) == "ACTIVE"  # the message has been here
    bpm.clock.advance(minutes=2)
    bpm.deliver()
    assert roots(bpm) == [again]


def set_end(bpm: Product, key: int, at: datetime | None) -> None:
    with bpm.server.database.write() as connection:
        connection.execute(process_instance.update().where(process_instance.c.key == key).values(ended_at=at))
        connection.commit()


def test_only_of_the_process_that_was_named(bpm: Product) -> None:
    bpm.deploy(simple("0"), ("other.bpmn", simple("0", "other")))
    (mine,), (other,) = finish(bpm, 1), finish(bpm, 1, "other")
    found = report.removable(bpm.server, retention.DUE)
    assert [(one.process_id, one.instances, one.first_ended_at) for one in found] == [
        ("other", 1, START),
        ("p", 1, START),
    ]
    assert run_all(bpm, Ended(process_id="p")).trees == 1
    assert roots(bpm) == [other]
    assert mine not in roots(bpm)


def test_who_may_not_delete_instances_removes_none(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    keys = finish(bpm, 1)
    with pytest.raises(Forbidden):
        retention.remove_ended(bpm.server, Actor("nobody"), keys)
    assert roots(bpm) == keys


# --- the archive ----------------------------------------------------------------------------------------------


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
    assert tree["tables"]["journal"][0]["command"][0] == "StartInstance"


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

    for place, name in ((store, "delete_instances"), (archive, "_sync_folder")):
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


# --- many at once ---------------------------------------------------------------------------------------------


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


def test_a_replayed_delivery_holds_its_instance(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    (key,) = finish(bpm, 1)
    delivery = insert_delivery(bpm, key, "failed")
    webhook_endpoints.replay_delivery(bpm.server, ADMIN, delivery)
    assert retention.remove_ended(bpm.server, SYSTEM, [key]).trees == 0
    (other,) = finish(bpm, 1)
    gone = insert_delivery(bpm, other, "failed")
    assert retention.remove_ended(bpm.server, SYSTEM, [other]).trees == 1
    with pytest.raises(NotFound):
        webhook_endpoints.replay_delivery(bpm.server, ADMIN, gone)


def test_a_batch_is_small_and_takes_the_same_statements_whatever_it_removes(bpm: Product) -> None:
    bpm.deploy(simple("0"))
    finish(bpm, 3 * retention.BATCH)
    keys = retention.removable(bpm.server)
    assert len(keys) == retention.BATCH
    with counted(bpm.server.database) as many:
        retention.remove_ended(bpm.server, SYSTEM, keys)
    with counted(bpm.server.database) as one:
        retention.remove_ended(bpm.server, SYSTEM, retention.removable(bpm.server)[:1])
    assert many.texts[1:] and len(many) == len(one) - 2  # the second one looked for its key as well
    assert many.commits + one.commits <= 2
