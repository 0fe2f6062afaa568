"""Overload: what is too much is refused with a time to come again, and what makes it less goes on."""

from __future__ import annotations

import contextlib
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.reports.backlog import Backlog, Due, due_work
from bpm_server.store.database import Database
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.jobs import job
from tests.support.bpmn_builder import Process, one_task
from tests.support.product import Product
from tests.support.rest import Rest, add_person, application, counted_statements

if TYPE_CHECKING:
    from collections.abc import Iterator

START = "/v2/process-instances"


def started(bpm: Product) -> int:
    return len(bpm.scalars(sa.select(process_instance.c.key)))


# --- work that is due -----------------------------------------------------------------------------------


@pytest.fixture
def busy(bpm: Product) -> tuple[Product, Rest]:
    """At most two pieces of work may be due; three outside jobs are, which do not count."""
    product, nobody = application(bpm, max_due_jobs=2)
    product.deploy(one_task())
    return product, nobody.as_(add_person(product, "root", roles=("admin",)))


def make_due(product: Product, count: int) -> None:
    for number in range(count):
        with product.server.database.write() as connection:
            from bpm_server.store.tables.messages import message

            now = read_moment(connection).now
            connection.execute(
                message.insert().values(
                    key=number + 1, name="m", correlation_key=str(number), variables="{}", pending=True,
                    published_at=now - timedelta(seconds=60), expires_at=now + timedelta(hours=1),
                )
            )  # fmt: skip
            connection.commit()


def test_nothing_is_begun_while_too_much_is_due_and_work_is_completed(busy: tuple[Product, Rest]) -> None:
    product, rest = busy
    assert rest.post(START, {"processDefinitionId": "p"}).status == 200
    make_due(product, 3)
    rest.app.extensions["bpm_server.backpressure"].backlog._taken_at = float("-inf")
    for path, body in (
        (START, {"processDefinitionId": "p"}),
        ("/v2/messages/publication", {"name": "n"}),
        ("/v2/messages/correlation", {"name": "n"}),
        ("/v2/signals/broadcast", {"signalName": "n"}),
        ("/engine-rest/process-definition/key/p/start", {}),
        ("/engine-rest/message", {"messageName": "n"}),
    ):
        refused = rest.post(path, body)
        assert refused.status == 503, path
        assert int(refused.headers["Retry-After"]) > 0
    assert started(product) == 1
    assert rest.post(f"/v2/user-tasks/{product.task('a').key}/completion", {}).status == 204
    product.deliver()
    rest.app.extensions["bpm_server.backpressure"].backlog._taken_at = float("-inf")
    assert rest.post(START, {"processDefinitionId": "p"}).status == 200


def test_what_is_due_is_asked_once_for_many_requests(busy: tuple[Product, Rest]) -> None:
    product, rest = busy
    with counted_statements(product) as seen:
        for _ in range(5):
            assert rest.post(START, {"processDefinitionId": "p"}).status == 200
    assert len([text for text in seen if "pending_signal" in text and "count(" in text]) <= 1


def test_work_is_counted_by_kind_with_the_age_of_the_oldest(bpm: Product) -> None:
    make_due(bpm, 3)
    found = due_work(bpm.server)
    assert found["messages"] == Due(3, 60.0)
    assert {kind: due.rows for kind, due in found.items() if kind != "messages"} == {
        "jobs": 0, "timers": 0, "signals": 0, "deliveries": 0, "batch-operations": 0,
    }  # fmt: skip
    assert due_work(bpm.server, most=2)["messages"].rows == 2


def test_jobs_of_outside_workers_are_theirs(bpm: Product) -> None:
    p = Process()
    p.path(p.start(), p.service("work", "somebody-else"), p.end())
    bpm.deploy(p.xml())
    bpm.start()
    assert len(bpm.scalars(sa.select(job.c.key))) == 1
    assert due_work(bpm.server)["jobs"].rows == 0
    assert Backlog(bpm.server).new_work() == 0


# --- rates ----------------------------------------------------------------------------------------------


def test_a_person_may_ask_so_often_and_others_are_not_touched(bpm: Product) -> None:
    product, nobody = application(bpm, rate_limit=5)
    one = nobody.as_(add_person(product, "one", roles=("admin",)))
    other = nobody.as_(add_person(product, "other", roles=("admin",)))
    codes = [one.get("/v2/topology").status for _ in range(30)]
    assert codes[:10] == [200] * 10
    refused = [one.get("/v2/topology") for _ in range(20)]
    worst = next(answer for answer in refused if answer.status == 429)
    assert worst["code"] == "limit_exceeded"
    assert int(worst.headers["Retry-After"]) >= 1
    assert other.get("/v2/topology").status == 200


def test_an_address_may_try_so_many_passwords(bpm: Product, tmp_path: Path) -> None:
    product = Product.on(bpm.server.database, tmp_path, address_rate_limit=3)
    _, nobody = application(product)
    answers = [nobody.basic(f"name{number}", "wrong").get("/v2/topology") for number in range(6)]
    assert [answer.status for answer in answers] == [401] * 3 + [429] * 3
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert nobody.get("/v2/license").status == 429
    assert nobody.get("/health/live").status == 200


# --- locks and connections ------------------------------------------------------------------------------


@contextlib.contextmanager
def narrow(url: str, folder: Path) -> Iterator[tuple[Product, Rest]]:
    """A server with a single database connection that waits a moment only."""
    database = Database(url, pool_size=1, max_overflow=0, lock_timeout_ms=200)
    try:
        product, nobody = application(Product.on(database, folder))
        product.deploy(one_task())
        yield product, nobody.as_(add_person(product, "root", roles=("admin",)))
    finally:
        database.dispose()


@contextlib.contextmanager
def somebody_reading(product: Product) -> Iterator[None]:
    """Another thread holds a connection."""
    holds, done = threading.Event(), threading.Event()

    def hold() -> None:
        with product.server.database.read():
            holds.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait(60)
    try:
        yield
    finally:
        done.set()
        thread.join(60)


def test_no_free_connection_is_503_and_not_500(database_url: str, tmp_path: Path) -> None:
    with narrow(database_url, tmp_path) as (product, rest):
        key = product.start()
        task = product.task("a").key
        with somebody_reading(product):  # in the only connection
            for method, path, body in (
                ("GET", "/v2/topology", None),
                ("GET", f"{START}/{key}", None),
                ("POST", f"{START}/search", {}),
                ("POST", START, {"processDefinitionId": "p"}),
                ("POST", f"/v2/user-tasks/{task}/completion", {}),
                ("POST", "/v2/jobs/activation", {"type": "t", "maxJobsToActivate": 1, "timeout": 1}),
                ("GET", "/engine-rest/task", None),
                ("GET", "/health/ready", None),
            ):
                refused = rest.call(method, path, body)
                assert refused.status == 503, (path, refused.body)
                assert refused.headers["Retry-After"], path
        assert rest.post(f"/v2/user-tasks/{task}/completion", {}).status == 204


def test_a_lock_that_somebody_holds_is_503_and_not_500(database_url: str, tmp_path: Path) -> None:
    holder = Database(database_url)
    database = Database(database_url, lock_timeout_ms=200)
    try:
        product, nobody = application(Product.on(database, tmp_path))
        rest = nobody.as_(add_person(product, "root", roles=("admin",)))
        product.deploy(one_task())
        key = product.start()
        task = product.task("a").key
        with holder.write() as connection:
            row = sa.select(process_instance.c.key).where(process_instance.c.key == key).with_for_update()
            connection.execute(row)
            for path, body in (
                (f"/v2/user-tasks/{task}/completion", {}),
                (f"{START}/{key}/cancellation", {}),
                (f"{START}/{key}/suspension", {}),
                (f"/engine-rest/task/{task}/complete", {}),
            ):
                refused = rest.post(path, body)
                assert refused.status == 503, (path, refused.body)
                assert refused.headers["Retry-After"]
            keyed = rest.post(f"/v2/user-tasks/{task}/completion", {}, headers={"Idempotency-Key": "k"})
            assert keyed.status == 503
        again = rest.post(f"/v2/user-tasks/{task}/completion", {}, headers={"Idempotency-Key": "k"})
        assert again.status == 204
    finally:
        database.dispose()
        holder.dispose()
