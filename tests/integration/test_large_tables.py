"""Lists, counts and searches look at as much however much history there is, and inboxes however much is open.

Rows on PostgreSQL, steps of the virtual machine on SQLite: counted, on tables of different sizes.
"""

from __future__ import annotations

import shutil
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bpm_server.domain.identity import Actor
from bpm_server.domain.inbox_filters import Criteria, Tab
from bpm_server.reports import cases, inbox, inbox_filters, search
from bpm_server.reports import elements as element_report
from bpm_server.reports import incidents as incident_report
from bpm_server.reports import process_instances as instance_report
from bpm_server.reports import tasks as task_report
from bpm_server.reports.query import Condition, Order, Query
from bpm_server.services import tasks
from bpm_server.store.database import Database
from bpm_server.store.inbox_filters import FilterRow
from bpm_server.store.tables.instances import incident, process_instance
from tests.support import postgresql
from tests.support.filling import PEOPLE, Copies, copy_instance, fill, order
from tests.support.plans import look, statements, worked
from tests.support.product import ADMIN, START, Product
from tests.support.statements import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FEW, MANY = 1_000, 12_000
CLERK = Actor("person7", groups=frozenset({"group7", "group8"}))
MANAGER = Actor("person7", groups=frozenset(f"group{number}" for number in range(PEOPLE)))
LEADER = Actor("person7", groups=frozenset(f"group{number}" for number in range(61)))
"""Too many groups to ask them all at first, and little of what is open is theirs."""
SLACK = {"sqlite": 6_000, "postgresql": 1_200}
"""What may differ by the way a planner takes in smaller tables; a scan of the larger ones is far more."""


class Sizes:
    """Products whose databases have: little of both, much history, many open tasks."""

    def __init__(self, base: Product, history: Product, busy: Product) -> None:
        self.base, self.history, self.busy = base, history, busy


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def sizes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sizes]:
    made = []
    for name, finished, waiting in (("base", FEW, FEW), ("history", MANY, FEW), ("busy", FEW, MANY)):
        folder = tmp_path_factory.mktemp(name)
        made.append(_filled(request, f"{request.param}", folder, finished, waiting))
    yield Sizes(*made)
    for bpm in made:
        bpm.server.database.dispose()


def _filled(request: pytest.FixtureRequest, kind: str, folder: Path, finished: int, waiting: int) -> Product:
    if kind == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "bpm.db")
        url = f"sqlite:///{folder / 'bpm.db'}"
    else:
        cluster: postgresql.Cluster = request.getfixturevalue("postgresql_cluster")
        url = request.getfixturevalue("databases")(cluster)
    bpm = Product.on(Database(url, pool_size=5), folder)
    bpm.clock.set(START)
    broken(bpm)
    fill(bpm, finished, waiting)
    return bpm


@pytest.fixture(scope="module")
def databases() -> Iterator[Callable[[postgresql.Cluster], str]]:
    made = []

    def make(cluster: postgresql.Cluster) -> str:
        context = cluster.fresh(postgresql.TEMPLATE)
        made.append(context)
        return context.__enter__()

    yield make
    for context in made:
        context.__exit__(None, None, None)


def broken(bpm: Product) -> None:
    """Some instances of another process with open incidents, older than all others."""
    bpm.deploy(order("rare"))
    key = bpm.start("rare")
    with bpm.server.database.engine.connect().execution_options(bpm_writes=True) as connection:
        values = {
            "key": key + 7, "instance_key": key, "process_definition_key": 1, "process_id": "rare", "root_key": key,
            "element_key": key + 1, "element_id": "j", "kind": "JOB_NO_RETRIES", "message": "no", "state": "ACTIVE",
            "job_key": None, "chunk": 0, "created_at": START, "resolved_at": None,
        }  # fmt: skip
        connection.execute(incident.insert().values(values))
        connection.execute(process_instance.update().where(process_instance.c.key == key).values(incidents=1))
        connection.commit()
    copy_instance(bpm.server.database, key, Copies(20, seconds=10_000_000))


@pytest.fixture(autouse=True)
def _short_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the small tables would not reach the end of counting."""
    monkeypatch.setattr(search, "MAX_TOTAL", 100)
    monkeypatch.setattr(inbox, "MOST_COUNTED", 100)
    monkeypatch.setattr(inbox_filters, "MOST_LOOKED_AT", 100)


def read(bpm: Product, act: Callable[[Product], Any]) -> tuple[int, str]:
    with statements(bpm.server.database) as found:
        act(bpm)
    assert found
    looked = look(bpm.server.database, found)
    return sum(one.read for one in looked), "\n\n".join(f"{one.read}: {one.text}\n{one.plan}" for one in looked)


def assert_as_much(small: Product, large: Product, act: Callable[[Product], Any]) -> None:
    few, _ = read(small, act)
    many, plans = read(large, act)
    slack = SLACK["sqlite" if large.server.database.is_sqlite else "postgresql"]
    assert many <= 1.25 * few + slack, f"{few} -> {many}\n{plans}"


def searching(what: Any, *conditions: tuple[str, Any, Any], by: str = "", actor: Actor = ADMIN) -> Any:
    """A page of a search; ``by``: a field, falling where it begins with ``-``."""
    wanted = tuple(Condition(*one) for one in conditions)
    sort = (Order(by.removeprefix("-"), by.startswith("-")),) if by else ()

    def act(bpm: Product) -> Any:
        with bpm.server.database.read() as connection:
            return what.SEARCH.page(connection, actor, Query(wanted, order=sort))

    return act


def filtered(bpm: Product, criteria: Criteria) -> Any:
    """What a saved filter counts."""
    row = FilterRow(1, CLERK.username, "one", 0, criteria, None, START)
    return inbox_filters.count_filters(bpm.server, CLERK, [row], START, UTC)


RECENTLY = START - timedelta(minutes=30)
RUNNING, COMPLETED = ("state", "eq", "ACTIVE"), ("state", "eq", "COMPLETED")
CREATED = ("state", "eq", "CREATED")
RARE = ("process_id", "eq", "rare")


def page(*args: Any, **kwargs: Any) -> Any:
    return lambda bpm: cases.cases(bpm.server, ADMIN, cases.Filter(*args, **kwargs))


LISTS: dict[str, Any] = {
    "done": lambda bpm: inbox.done(bpm.server, CLERK, inbox.Wanted()),
    "cases": page(),
    "cases of a process": page(process_id="order"),
    "cases of a rare process": page(process_id="rare"),
    **{f"cases, {state}": page(state=state) for state in cases.STATES},
    "cases of a rare process, incidents": page(state="incidents", process_id="rare"),
    "cases of mine": lambda bpm: cases.cases(bpm.server, CLERK, cases.Filter(mine=True)),
    "cases that a clerk may see": lambda bpm: cases.cases(bpm.server, CLERK, cases.Filter()),
    "instances": searching(instance_report),
    "instances, newest first": searching(instance_report, by="-started_at"),
    "instances, by end": searching(instance_report, by="-ended_at"),
    "instances, by end, oldest first": searching(instance_report, by="ended_at"),
    "instances, running": searching(instance_report, RUNNING),
    "instances, completed": searching(instance_report, COMPLETED, by="-key"),
    "instances, canceled": searching(instance_report, ("state", "eq", "TERMINATED")),
    "instances of a rare process": searching(instance_report, RARE),
    "instances of a process, running": searching(instance_report, ("process_id", "eq", "order"), RUNNING),
    "instances of a process, newest": searching(instance_report, ("process_id", "eq", "order"), by="-started_at"),
    "instances of a business key": searching(instance_report, ("business_key", "eq", "B-77")),
    "instances with incidents": searching(instance_report, ("has_incident", "eq", True)),
    "instances ended lately": searching(instance_report, ("ended_at", "gte", RECENTLY), by="-ended_at"),
    "instances started lately": searching(instance_report, ("started_at", "gte", RECENTLY), by="-started_at"),
    "called instances": searching(instance_report, ("parent_key", "eq", 5)),
    "tasks, open": searching(task_report, CREATED),
    "tasks, open, newest first": searching(task_report, CREATED, by="-created_at"),
    "tasks, open, of a process": searching(task_report, ("process_id", "eq", "order"), CREATED),
    "tasks of a person": searching(task_report, ("assignee", "eq", "person7"), CREATED),
    "tasks offered to a group": searching(task_report, ("candidate_group", "eq", "group7"), CREATED),
    "tasks that a clerk may see": searching(task_report, CREATED, actor=CLERK),
    "incidents, open": searching(incident_report, ("state", "eq", "ACTIVE")),
    "incidents, open, of a process": searching(incident_report, ("state", "eq", "ACTIVE"), RARE),
    "elements of an instance": searching(element_report, ("instance_key", "eq", 5)),
}
LISTS |= {
    f"filter, {tab}{of}": lambda bpm, tab=tab, of=of: filtered(bpm, Criteria(tab=tab, process_id=of[5:]))
    for tab in (Tab.DONE, Tab.STARTED, Tab.COPIES)
    for of in ("", ", of order", ", of rare")
}
SPAN = {"due_since": START - timedelta(hours=2), "due_until": START - timedelta(hours=1)}
INBOXES: dict[str, Any] = {
    f"{whose}, {name}": act
    for whose, who in (("clerk", CLERK), ("leader", LEADER), ("manager", MANAGER))
    for name, act in {
        "oldest first": lambda bpm, who=who: inbox.todo(bpm.server, who, inbox.Wanted()),
        "newest first": lambda bpm, who=who: inbox.todo(bpm.server, who, inbox.Wanted(newest_first=True)),
        "of a process": lambda bpm, who=who: inbox.todo(bpm.server, who, inbox.Wanted(process_id="order")),
        "due first": lambda bpm, who=who: inbox.todo(bpm.server, who, inbox.Wanted(due_first=True)),
        "due in a span": lambda bpm, who=who: inbox.todo(bpm.server, who, inbox.Wanted(**SPAN)),
        "counts": lambda bpm, who=who: inbox.counts(bpm.server, who),
    }.items()
}


@pytest.mark.parametrize("name", [*LISTS, *INBOXES])
def test_history_makes_no_list_longer_to_find(sizes: Sizes, name: str) -> None:
    assert_as_much(sizes.base, sizes.history, LISTS.get(name) or INBOXES[name])


@pytest.mark.parametrize("name", INBOXES)
def test_open_tasks_of_others_make_no_inbox_longer_to_find(sizes: Sizes, name: str) -> None:
    assert_as_much(sizes.base, sizes.busy, INBOXES[name])


def after_a_restart(bpm: Product, folder: Path) -> tuple[int, int, int]:
    """The first step of a process that has just begun: its statements, what they look at, instances in its memory."""
    instance = bpm.start("order", number="N-1", customer="ACME", amount=5)
    task = bpm.task("a", instance=instance).key
    database = Database(bpm.server.database.url.render_as_string(hide_password=False))
    try:
        again = Product.on(database, folder)
        with counted(database) as sent:
            looked = worked(database, lambda: tasks.complete_task(again.server, ADMIN, task, {"ok": True}))
        assert again.state(instance) == "ACTIVE"
        return len(sent), looked, len(again.server.hot)
    finally:
        database.dispose()


def test_the_first_step_after_a_restart_loads_what_it_needs_however_much_is_active(
    sizes: Sizes, tmp_path: Path
) -> None:
    statements_few, few, hot_few = after_a_restart(sizes.base, tmp_path)
    statements_many, many, hot_many = after_a_restart(sizes.busy, tmp_path)
    assert statements_many == statements_few
    assert hot_many == hot_few == 1
    assert few > 0
    assert many <= few + (200 if sizes.base.server.database.is_sqlite else 20), (few, many)


@pytest.mark.parametrize("much", ["history", "busy"])
def test_completing_a_task_looks_at_as_much_beside_much_of_both(sizes: Sizes, much: str) -> None:
    def first_task(bpm: Product) -> int:
        keys = [bpm.start("order", number="N-2") for _ in range(2)]
        warm, task = (bpm.task("a", instance=key) for key in keys)
        warm.complete()
        return worked(bpm.server.database, task.complete)

    few, many = first_task(sizes.base), first_task(getattr(sizes, much))
    assert 0 < many <= few + (200 if sizes.base.server.database.is_sqlite else 20), (few, many)
