"""Four people work at once on a user task for each of a thousand items of one instance, over real HTTP servers.

All of them need the lock of the same instance. Nobody is sent away: a server waits for the lock longer than four take.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import deployments, process_instances
from bpm_server.store import migrate
from bpm_server.store.database import Database
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import process_instance, variable
from bpm_server.store.tables.tasks import user_task
from tests.support.growing import items
from tests.support.installation import Installation
from tests.support.product import Product
from tests.support.running import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import postgresql

ITEMS = 1_000
PEOPLE = 4
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Installation, Database]]:
    """SQLite with one web process, as it is meant; PostgreSQL with two, which share no memory of the instance."""
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'bpm.db'}"
        if request.param == "postgresql":
            cluster: postgresql.Cluster = request.getfixturevalue("postgresql_cluster")
            url = stack.enter_context(cluster.fresh())
        database = Database(url)
        stack.callback(database.dispose)
        migrate.upgrade(database)
        made = Installation(tmp_path, url, None, webs=1 if database.is_sqlite else 2, workers=0)
        stack.callback(made.kill)
        yield made, database


def test_a_thousand_items_are_done_once_each_by_four_people(
    installation: tuple[Installation, Database], tmp_path: Path
) -> None:
    made, database = installation
    bpm = Product.on(database, tmp_path)
    deployments.deploy(bpm.server, SYSTEM, {"items.bpmn": items()})
    instance = process_instances.start_process(
        bpm.server, SYSTEM, process_id="items", variables={"items": list(range(ITEMS))}
    ).key
    open_tasks = sa.select(user_task.c.key).where(user_task.c.state == "CREATED").order_by(user_task.c.key)
    keys = bpm.scalars(open_tasks)
    assert len(keys) == ITEMS
    made.start_processes()

    replies: list[Counter[str]] = [Counter() for _ in range(PEOPLE)]
    apis = [made.api(made.ports[number % len(made.ports)]) for number in range(PEOPLE)]
    threads = [
        threading.Thread(target=work, args=(apis[number], keys[number::PEOPLE], replies[number]))
        for number in range(PEOPLE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for api in apis:
        api.close()

    assert sum(replies, Counter()) == {"done": ITEMS}, made.logs()
    (after,) = bpm.scalars(open_tasks)
    assert bpm.task("after", instance=instance).key == after
    assert bpm.scalars(sa.select(sa.func.count()).select_from(journal)) == [ITEMS + 1]
    assert bpm.scalars(sa.select(process_instance.c.lock_version)) == [ITEMS + 1]
    (results,) = bpm.scalars(
        sa.select(variable.c.value).where(variable.c.scope_key == instance, variable.c.name == "results")
    )
    assert results.count("yes") == ITEMS


def work(api: Api, keys: list[int], replies: Counter[str]) -> None:
    """One person, one task after the other; what a client would see as a failure is counted by what it says."""
    for key in keys:
        with noted(replies):
            api("POST", f"/v2/user-tasks/{key}/completion", {"variables": {"answer": "yes"}})


@contextlib.contextmanager
def noted(replies: Counter[str]) -> Any:
    try:
        yield
    except (Answer, OSError) as error:
        replies[repr(error)] += 1
    else:
        replies["done"] += 1
