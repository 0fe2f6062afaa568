"""What a step writes does not depend on values that it does not change; large ones are written once for a call tree."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bpm_server.kernel import json as exact
from bpm_server.kernel.errors import InvalidInput
from bpm_server.reports.replay import replay
from bpm_server.reports.statistics import taken_flows
from bpm_server.reports.timeline import timeline
from bpm_server.services import deletion, process_instances
from bpm_server.services.examining import examine
from bpm_server.store import migrate
from bpm_server.store.history_files import line
from bpm_server.store.large_values import HOLE, LARGE, cut, emptied, filled
from bpm_server.store.retention import read_tree
from bpm_server.store.tables.history import journal, large_value
from bpm_server.store.tables.instances import process_instance, variable
from bpm_server.store.tables.server import server_state
from tests.support.bpmn_builder import Process, extensions
from tests.support.product import ADMIN, Product
from tests.support.statements import counted
from tests.support.written import PAGES, least_written, written

DEPTH = 4
CALLED = extensions('<zeebe:calledElement processId="level-%d"/>')
VALUE = [{"id": n, "name": f"customer {n * 7919 % 10007}", "note": "中" * (n % 5)} for n in range(4_000)]
SIZE = len(exact.dumps_bytes(VALUE))
WIDE = {f"v{n}": n for n in range(1_000)}


def steps(count: int = 8) -> bytes:
    """User tasks in a row."""
    p = Process("steps")
    p.path(p.start(), *[p.user(f"step-{n}") for n in range(count)], p.end())
    return p.xml()


def tree() -> list[bytes]:
    """Processes that call each other; the innermost one has two user tasks."""
    files = []
    for level in range(DEPTH):
        p = Process(f"level-{level}")
        if level == DEPTH - 1:
            inside = [p.user("first"), p.user("second")]
        else:
            inside = [p.add("callActivity", "call", CALLED % (level + 1))]
        p.path(p.start(), *inside, p.end())
        files.append(p.xml())
    return files


def journal_bytes(bpm: Product) -> int:
    query = sa.select(sa.func.sum(sa.func.length(journal.c.command) + sa.func.length(journal.c.events)))
    return int(bpm.scalars(query)[0])


def count(bpm: Product, table: sa.Table, *where: Any) -> int:
    found: int = bpm.scalars(sa.select(sa.func.count()).select_from(table).where(*where))[0]
    return found


@pytest.fixture
def called(bpm: Product) -> int:
    """The root of a call tree that has the large value."""
    bpm.deploy(*tree())
    return bpm.start("level-0", large=VALUE, small=1)


# --- bytes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hot", [True, False], ids=["in memory", "loaded"])
def test_a_step_writes_what_it_changes(bpm: Product, hot: bool) -> None:
    bpm.deploy(steps())

    def complete(instance: int, number: int) -> None:
        if not hot:
            bpm.server.hot.clear()
        bpm.task(f"step-{number}", instance=instance).complete(v1=number)

    found = {}
    for name, variables in (("small", {"v1": 0}), ("large", {"v1": 0, "large": VALUE}), ("wide", WIDE)):
        instance = bpm.start("steps", **variables)
        acts = [partial(complete, instance, number) for number in range(7)]
        found[name] = least_written(bpm.server.database, acts)
        length = bpm.scalars(sa.select(sa.func.length(process_instance.c.tokens)))
        assert max(length) < 100  # variables are not in it
    assert max(found.values()) < min(found.values()) + PAGES, found


def test_a_value_that_is_set_again_is_not_written_again(bpm: Product) -> None:
    bpm.deploy(steps())
    instance = bpm.start("steps", large=VALUE)
    set_again = partial(process_instances.set_variables, bpm.server, ADMIN, instance, {"large": VALUE}, local=False)
    assert least_written(bpm.server.database, [set_again] * 3) < SIZE // 4
    assert count(bpm, large_value) == 1


def test_a_call_tree_has_one_copy_in_its_journals(bpm: Product, called: int) -> None:
    assert count(bpm, large_value) == 1
    assert count(bpm, variable, variable.c.name == "large") == DEPTH
    assert journal_bytes(bpm) < SIZE // 10
    bpm.task("first").complete()
    leaving = written(bpm.server.database, lambda: bpm.task("second").complete())
    assert bpm.state(called) == "COMPLETED"
    assert leaving < SIZE // 2 + PAGES, leaving  # every level had it already
    assert count(bpm, large_value) == 1
    assert journal_bytes(bpm) < SIZE // 10


# --- statements -----------------------------------------------------------------------------------------


def test_small_values_cost_no_statement(bpm: Product) -> None:
    bpm.deploy(steps())
    instance = bpm.start("steps", v=0)
    bpm.task("step-0", instance=instance).complete()  # warms the caches
    few, large, many = ({"v": 1}, {"v": "x" * LARGE}, {f"v{n}": "x" * (LARGE // 40) for n in range(64)})
    counts = []
    for number, values in enumerate((few, large, many), 1):
        with counted(bpm.server.database) as statements:
            bpm.task(f"step-{number}", instance=instance).complete(**values)
        counts.append((len(statements), sum("large_value" in text and "INSERT" in text for text in statements.texts)))
    assert [inserts for _, inserts in counts] == [0, 1, 0]
    assert counts[1][0] == counts[0][0] + 1
    assert counts[2][0] == counts[0][0]


# --- reading --------------------------------------------------------------------------------------------


def test_history_has_the_value_everywhere(bpm: Product, called: int) -> None:
    bpm.task("first").complete(more=VALUE[1:])
    bpm.task("second").complete()
    keys = bpm.scalars(sa.select(process_instance.c.key).order_by(process_instance.c.key))
    for key in keys:
        assert replay(bpm.server, key).difference is None
        assert timeline(bpm.server, key).items
    with bpm.server.database.read() as connection:
        assert len(taken_flows(connection, ADMIN, called)) == 2
        archived = json.loads(line(called, read_tree(connection, keys)))
    assert "large_value" not in archived["tables"]
    assert archived["tables"]["journal"][0]["command"][2]["large"] == VALUE or VALUE in _all(
        archived["tables"]["journal"]
    )


def _all(value: Any) -> list[Any]:
    """Every member of every object in a JSON value."""
    if isinstance(value, list):
        return [found for one in value for found in _all(one)]
    if isinstance(value, dict):
        return [*value.values(), *(found for one in value.values() for found in _all(one))]
    return []


def test_it_goes_with_its_call_tree(bpm: Product, called: int) -> None:
    other = bpm.start("level-0", large=VALUE)
    process_instances.cancel_instance(bpm.server, ADMIN, called)
    deletion.delete_instance(bpm.server, ADMIN, called)
    assert bpm.scalars(sa.select(large_value.c.instance_key)) == [other]
    assert list(examine(bpm.server)) == []


def test_a_lost_value_is_said(bpm: Product, called: int) -> None:
    with bpm.server.database.write() as connection:
        connection.execute(large_value.delete())
        connection.commit()
    with pytest.raises(
        InvalidInput, match=rf"Expected 1 large values of instance '{called}', but 1 of them are missing"
    ):
        replay(bpm.server, called)
    bpm.task("first").complete()  # who works does not need the journal
    with bpm.server.database.read() as connection:
        assert taken_flows(connection, ADMIN, called)


def test_a_value_of_nobody_is_found(bpm: Product) -> None:
    with bpm.server.database.write() as connection:
        connection.execute(large_value.insert().values(instance_key=7, digest="0" * 64, data=b""))
        connection.commit()
    assert [(defect.rule, defect.table) for defect in examine(bpm.server)] == [("row-of-no-instance", "large_value")]


# --- beside a release before 0014 -----------------------------------------------------------------------


def test_nothing_is_cut_until_the_upgrade_is_finished(bpm: Product) -> None:
    database = bpm.server.database
    with database.write() as connection:
        connection.execute(server_state.update().values(keeps_large_values=False))
        connection.commit()
    bpm.deploy(*tree())
    migrate.upgrade(database, finish=False)
    key = bpm.start("level-0", large=VALUE)
    assert count(bpm, large_value) == 0
    assert journal_bytes(bpm) > SIZE
    migrate.upgrade(database)
    bpm.task("first").complete()
    bpm.task("second").complete()
    assert bpm.state(key) == "COMPLETED"
    assert count(bpm, large_value) == 1
    assert replay(bpm.server, key).difference is None


# --- texts ----------------------------------------------------------------------------------------------

texts = st.text(max_size=20) | st.integers(0, 3).map(lambda n: "y" * (LARGE + n)) | st.just('"\x1a\\ü')
values = st.recursive(
    st.none() | st.booleans() | st.decimals(allow_nan=False, allow_infinity=False, places=2) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_cut_comes_back_as_it_was(value: Any) -> None:
    text = exact.dumps([value, {"a": value}])
    short, found = cut(text)
    for digest, data in found.items():
        assert len(data) >= LARGE
        assert HOLE + digest in short
        short = short.replace(HOLE + digest, data.decode())
    assert short == text
    exact.loads(emptied(cut(text)[0]))


def test_only_large_members_of_objects_are_cut() -> None:
    large = "x" * LARGE
    assert cut(exact.dumps([large, [large]]))[1] == {}
    assert len(cut(exact.dumps([{"a": {"b": large}, "c": large}, {"d": large}]))[1]) == 2
    assert cut("{}") == ("{}", {})


def test_texts_without_holes_are_not_looked_for(bpm_sqlite: Product) -> None:
    with counted(bpm_sqlite.server.database) as statements, bpm_sqlite.server.database.read() as connection:
        assert filled(connection, 1, ["[]", "{}"]) == ["[]", "{}"]
    assert not [text for text in statements.texts if "large_value" in text]
