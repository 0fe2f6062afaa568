"""Outside work is fair: no connector, host or endpoint delays another, whatever it does (ADR 16)."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bpm_server.connectors.contract import PermanentError, Request, TemporaryError
from bpm_server.kernel.clock import SystemClock
from bpm_server.services import channels, jobs, webhook_endpoints
from bpm_server.store.tables.connectors import webhook_delivery
from bpm_server.store.tables.instances import incident
from bpm_server.store.tables.jobs import job
from bpm_server.worker.dispatch import Dispatcher
from bpm_server.worker.outside import Dealer
from tests.support.outside_work import PATIENCE_S, Installation, many_jobs, one_job
from tests.support.product import ADMIN, Product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bpm_server.store.database import Database


class Passing(SystemClock):
    """Seconds pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


def fails(reason: str = "no answer") -> Callable[[Request], None]:
    def act(_request: Request) -> None:
        raise TemporaryError(reason, delay_s=0)

    return act


def test_a_connector_that_hangs_delays_nobody(database: Database, tmp_path: Path) -> None:
    """Six jobs hang; of four threads they get two, and the others' thirty are done meanwhile."""
    company = Installation(database, tmp_path, "hangs", "works", worker_threads=4)
    release, others, hanging = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)

    def hang(_request: Request) -> None:
        hanging.release()
        assert release.wait(PATIENCE_S)

    company.acts = {"hangs": hang, "works": lambda _: others.release()}
    company.bpm.deploy(one_job("hangs"), many_jobs("works"))
    for _ in range(6):
        company.bpm.start("hangs")
    company.bpm.start("works", items=list(range(30)))
    dispatcher = Dispatcher(company.bpm.server, look_again_s=0.05)
    dispatcher.start()
    try:
        for _ in range(30):
            assert others.acquire(timeout=PATIENCE_S)
        assert [name for name, _ in company.done] == ["works"] * 30 or "hangs" not in dict(company.done)
        assert hanging.acquire(timeout=PATIENCE_S)
        assert hanging.acquire(timeout=PATIENCE_S)
        assert not hanging.acquire(blocking=False)  # half of the threads, no more
        leased = sa.select(sa.func.count()).where(job.c.type == "hangs", job.c.lease.is_not(None))
        assert company.bpm.scalars(leased) == [2]  # nothing is leased that waits behind what hangs
    finally:
        release.set()
        assert dispatcher.stop(PATIENCE_S)


def test_ten_thousand_rows_of_one_channel_do_not_delay_the_one_of_another(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "flood", "single")
    company.bpm.deploy(many_jobs("flood"), one_job("single"))
    company.bpm.start("flood", items=list(range(10_000)))
    company.bpm.start("single")
    dealer = Dealer(company.bpm.server)
    assert sorted(work.channel for work in dealer.take(8)) == ["job:/flood"] * 4 + ["job:/single"]
    company.bpm.start("single")
    # The flood has all the room that a channel may have: nothing more of it is taken.
    assert [work.channel for work in dealer.take(3)] == ["job:/single"]
    assert dealer.take(3) == []


def test_channels_take_turns(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a", "b", "c")
    company.bpm.deploy(many_jobs("a"), many_jobs("b"), one_job("c"))
    company.bpm.start("a", items=[1, 2, 3])
    company.bpm.start("b", items=[1, 2])
    company.bpm.start("c")
    company.bpm.deliver()
    assert "".join(name for name, _ in company.done) == "abcaba"


def test_within_a_channel_priorities_are_kept(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a")
    company.bpm.deploy(many_jobs("a"))
    company.bpm.start("a", items=[0, 1, 2, 3])
    keys = company.bpm.scalars(sa.select(job.c.key).order_by(job.c.key))
    for key, priority in zip(keys, (1, 5, 1, 9), strict=True):
        jobs.update_job(company.bpm.server, ADMIN, key, priority=priority)
    company.bpm.deliver()
    assert [item for _, item in company.done] == [3, 1, 0, 2]


@pytest.mark.parametrize("error", [PermanentError("wrong"), RuntimeError("a bug in the connector")])
def test_poison_jobs_do_not_delay_others(database: Database, tmp_path: Path, error: Exception) -> None:
    company = Installation(database, tmp_path, "a")

    def act(request: Request) -> None:
        if request.variables["item"] < 10:
            raise error

    company.acts["a"] = act
    company.bpm.deploy(many_jobs("a"))
    company.bpm.start("a", items=list(range(20)))
    with capture_logs():  # a traceback with all values takes seconds to draw
        company.bpm.deliver()
    assert [item for _, item in company.done] == list(range(10, 20))
    assert company.failures("job:/a") == 0


def test_a_channel_that_fails_pauses_and_nothing_uses_up_retries_there(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "down", "up")
    company.acts["down"] = fails()
    company.bpm.deploy(many_jobs("down"), many_jobs("up"))
    company.bpm.start("down", items=list(range(20)))
    company.bpm.start("up", items=list(range(20)))
    company.bpm.deliver()
    assert company.done == [("up", item) for item in range(20)]
    assert company.failures("job:/down") == 5
    assert sum(3 - left for left in company.retries()) == 5
    company.make_due()
    company.bpm.deliver()
    assert company.failures("job:/down") == 5  # it pauses: rows that are due are left alone


def test_calls_that_were_on_their_way_when_a_pause_began_do_not_lengthen_it(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path)
    for _ in range(8):
        channels.note_failure(company.bpm.server, "job:/a", "no answer")
    assert company.failures("job:/a") == 5
    channels.note_failure(company.bpm.server, "job:/a", "no answer", on_trial=True)
    assert company.failures("job:/a") == 6


def test_after_a_pause_one_call_shows_whether_a_channel_works(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "down")
    company.acts["down"] = fails()
    company.bpm.deploy(many_jobs("down"))
    company.bpm.start("down", items=list(range(20)))
    company.bpm.deliver()
    company.end_pauses()
    company.make_due()
    server = company.bpm.server
    first, second = Dealer(server), Dealer(server)
    (probe,) = first.take(8)
    assert second.take(8) == []  # of all workers one tries
    assert first.take(8) == []
    channels.give_back(server, {probe.pieces[0].row.key: probe.pieces[0].row.lease}, {})  # type: ignore[union-attr]
    company.end_pauses()
    company.bpm.deliver()
    assert company.failures("job:/down") == 6
    company.end_pauses()
    company.make_due()
    del company.acts["down"]
    company.bpm.deliver()
    assert company.failures("job:/down") == 0
    assert len(company.done) == 20
    assert company.active() == 0


def test_hosts_of_one_connector_are_channels_of_their_own(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path)
    rest = company.connector("rest", url_input="url")
    company = Installation(database, tmp_path, rest)
    company.bpm.deploy(one_job("rest", {"url": '="https://" + host + "/api?x=1"'}))
    for host in ("a.example", "b.example", "a.example"):
        company.bpm.start("rest", host=host)
    company.bpm.start("rest", host=None)
    names = company.bpm.scalars(sa.select(job.c.channel).order_by(job.c.key))
    assert names == ["job:a.example/rest", "job:b.example/rest", "job:a.example/rest", "job:/rest"]
    company.bpm.deliver()
    assert company.active() == 0


def test_a_rate_holds_over_all_workers(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path)
    company = Installation(database, tmp_path, company.connector("a", most_per_minute=1), "b")
    company.bpm.deploy(many_jobs("a"), one_job("b"))
    company.bpm.start("a", items=[1, 2, 3])
    company.bpm.start("b")
    assert sorted(work.channel for work in Dealer(company.bpm.server).take(8)) == ["job:/a", "job:/b"]
    assert Dealer(company.bpm.server).take(8) == []
    assert 0 < channels.wait_s(company.bpm.server, 3_600) <= 60


def test_webhook_endpoints_are_channels_with_a_rate(database: Database, tmp_path: Path) -> None:
    bpm = Product.on(database, tmp_path, allow_loopback_webhooks=True)
    made = {
        name: webhook_endpoints.create_endpoint(bpm.server, ADMIN, name, "http://127.0.0.1:1/", most_per_minute=rate)
        for name, rate in (("slow", 1), ("free", None))
    }
    for _ in range(3):
        for endpoint in made.values():
            webhook_endpoints.try_endpoint(bpm.server, ADMIN, endpoint.key)
    taken = sorted(work.channel for work in Dealer(bpm.server).take(8))
    assert taken == ["webhook:free"] * 3 + ["webhook:slow"]
    assert Dealer(bpm.server).take(8) == []


def test_an_endpoint_that_is_down_keeps_its_deliveries_tries(database: Database, tmp_path: Path) -> None:
    bpm = Product.on(database, tmp_path, allow_loopback_webhooks=True)
    endpoint = webhook_endpoints.create_endpoint(bpm.server, ADMIN, "down", "http://127.0.0.1:1/")
    for _ in range(8):
        webhook_endpoints.try_endpoint(bpm.server, ADMIN, endpoint.key)
    bpm.deliver()
    attempts = bpm.scalars(sa.select(webhook_delivery.c.attempts).order_by(webhook_delivery.c.key))
    assert attempts == [1] * 5 + [0] * 3
    assert Dealer(bpm.server).take(8) == []
    webhook_endpoints.update_endpoint(bpm.server, ADMIN, endpoint.key, url="http://127.0.0.1:2/")
    assert len(Dealer(bpm.server).take(8)) == 3  # whoever mends it ends its pause


def test_what_is_not_finished_when_a_worker_stops_is_free_at_once(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "hangs", worker_threads=2)
    release, hanging = threading.Event(), threading.Event()

    def hang(_request: Request) -> None:
        hanging.set()
        assert release.wait(PATIENCE_S)

    company.acts["hangs"] = hang
    company.bpm.deploy(one_job("hangs"))
    company.bpm.start("hangs")
    dispatcher = Dispatcher(company.bpm.server, look_again_s=0.05)
    dispatcher.start()
    assert hanging.wait(PATIENCE_S)
    assert not dispatcher.stop(0.0)
    assert company.retries() == [3]
    (next_one,) = Dealer(company.bpm.server).take(8)  # another worker has it, what comes late is refused
    assert next_one.channel == "job:/hangs"
    release.set()
    assert dispatcher.stop(PATIENCE_S)  # the result that came late was refused
    assert company.active() == 1


def test_jobs_that_waited_before_there_was_a_connector_get_done(database: Database, tmp_path: Path) -> None:
    without = Installation(database, tmp_path)
    without.bpm.deploy(one_job("new"))
    without.bpm.start("new")
    without.bpm.deliver()
    assert without.active() == 1
    company = Installation(database, tmp_path, "new")
    company.bpm.deliver()
    assert (company.done, company.active()) == ([("new", None)], 0)


def test_jobs_that_an_older_release_makes_get_done_by_a_worker_that_runs(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a")
    clock = Passing()
    dealer = Dealer(replace(company.bpm.server, clock=clock))
    assert dealer.take(8) == []
    company.bpm.deploy(one_job("a"))
    company.bpm.start("a")
    company._set(job.update().values(channel=None))
    assert dealer.take(8) == []
    clock.seconds += 61
    assert [work.channel for work in dealer.take(8)] == ["job:/a"]


def test_work_of_connectors_that_this_worker_has_not_is_left_alone(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "theirs")
    company.bpm.deploy(one_job("theirs"))
    company.bpm.start("theirs")
    other = Installation(database, tmp_path, "ours")
    assert other.bpm.deliver() == 0
    assert company.bpm.scalars(sa.select(job.c.lease)) == [None]
    assert company.bpm.scalars(sa.select(incident.c.key)) == []
