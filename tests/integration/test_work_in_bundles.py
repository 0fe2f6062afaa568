"""Short jobs go in bundles, new ones are begun by hearsay, and claims wait for no disk; all is fair (ADR 16)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from bpm_server.connectors.contract import Request, TemporaryError
from bpm_server.services import channels
from bpm_server.store.tables.jobs import job
from bpm_server.worker import outside
from bpm_server.worker.booking import Booker
from bpm_server.worker.dispatch import SETTLED_S, Dispatcher
from bpm_server.worker.outside import BUNDLE, Dealer
from tests.support.outside_work import PATIENCE_S, Installation, many_jobs, one_job

if TYPE_CHECKING:
    from pathlib import Path

    from bpm_server.store.database import Database


def test_short_jobs_go_to_a_thread_in_bundles(database: Database, tmp_path: Path) -> None:
    """A hundred jobs that take no time are claimed and booked in few transactions, not in a hundred each."""
    company = Installation(database, tmp_path, "short", worker_threads=2)
    company.bpm.deploy(many_jobs("short"))
    company.bpm.start("short", items=list(range(100)))
    dealer, booker = Dealer(company.bpm.server, bundle=BUNDLE), Booker(company.bpm.server)
    sizes = []
    while taken := dealer.take(1):
        for work in taken:
            sizes.append(len(work.pieces))
            outside.do(company.bpm.server, work, booker)
            work.spent_s = 0.0001 * work.done  # whatever this machine took
            dealer.finished(work)
    assert sizes == [1, *[BUNDLE] * 4, 19]
    assert company.active() == 0
    assert sorted(item for _, item in company.done) == list(range(100))


def test_what_waits_behind_a_call_that_hangs_goes_to_others(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a", worker_threads=4)
    release, hanging, others = threading.Event(), threading.Event(), threading.Semaphore(0)

    def act(request: Request) -> None:
        if request.variables["item"] == 50:
            hanging.set()
            assert release.wait(PATIENCE_S)
        others.release()

    company.acts["a"] = act
    company.bpm.deploy(many_jobs("a"))
    company.bpm.start("a", items=list(range(100)))
    dispatcher = Dispatcher(company.bpm.server, look_again_s=0.05)
    dispatcher.start()
    try:
        for _ in range(99):
            assert others.acquire(timeout=PATIENCE_S)
        assert hanging.is_set()
        assert sorted(item for _, item in company.done) == [item for item in range(100) if item != 50]
    finally:
        release.set()
        assert dispatcher.stop(PATIENCE_S)
    assert company.active() == 0
    assert sorted(item for _, item in company.done) == list(range(100))  # none was done twice
    assert set(company.bpm.scalars(sa.select(job.c.retries))) == {3}


def test_after_a_call_that_fails_the_rest_of_a_bundle_goes_back(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a")
    company.bpm.deploy(many_jobs("a"))
    company.bpm.start("a", items=list(range(10)))
    dealer, booker = Dealer(company.bpm.server, bundle=BUNDLE), Booker(company.bpm.server)
    (first,) = dealer.take(1)
    outside.do(company.bpm.server, first, booker)
    first.spent_s = 0.0001
    dealer.finished(first)

    def act(request: Request) -> None:
        if request.variables["item"] == 4:
            raise TemporaryError("no answer")

    company.acts["a"] = act
    (bundle,) = dealer.take(1)
    outside.do(company.bpm.server, bundle, booker)
    assert [item for _, item in company.done] == [0, 1, 2, 3]
    assert len(bundle.withdraw()) == 5
    assert company.retries() == [2, 3, 3, 3, 3, 3]  # what was done before the failure is booked
    assert company.failures("job:/a") == 1


def test_jobs_of_this_process_begin_without_a_look_at_everything(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a", "b")
    company.bpm.deploy(one_job("a"), one_job("b"))
    dealer = Dealer(company.bpm.server)
    assert dealer.take(8) == []
    for name in "aab":
        company.bpm.start(name)
    assert [work.channel for work in dealer.take_of({"job:/b"}, 8)] == ["job:/b"]
    assert not dealer.may_have_more
    assert [work.channel for work in dealer.take_of({"job:/a"}, 8)] == ["job:/a"] * 2
    assert dealer.may_have_more  # there may be a third
    company.bpm.start("a")
    assert dealer.take_of({"job:/a"}, 8) == []  # others may have waited longer
    assert [work.channel for work in dealer.take(8)] == ["job:/a"]


def test_a_channel_that_failed_gets_nothing_by_hearsay(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a")
    company.bpm.deploy(one_job("a"))
    dealer = Dealer(company.bpm.server)
    assert dealer.take(8) == []
    channels.note_failure(company.bpm.server, "job:/a", "no answer")
    company.bpm.start("a")
    assert dealer.take_of({"job:/a"}, 8) == []
    assert [work.channel for work in dealer.take(8)] == ["job:/a"]


def test_who_always_hears_of_new_jobs_looks_at_everything_now_and_then(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a", "b")
    company.bpm.deploy(one_job("a"), one_job("b"))
    dispatcher, dealer = Dispatcher(company.bpm.server, look_again_s=PATIENCE_S), Dealer(company.bpm.server)
    topics: list[frozenset[str]] = []
    company.bpm.server.wake.listeners += [topics.append, dispatcher.heard]
    dispatcher._round(dealer)
    company.bpm.start("a")
    assert {"jobs", "job:/a"} <= topics[0]
    Installation(database, tmp_path, "b").bpm.start("b")  # in another process, which nobody hears
    dispatcher._round(dealer)
    assert [work.channel for work in dispatcher._busy.values()] == ["job:/a"]
    company.bpm.start("a")
    dispatcher._looked_at -= SETTLED_S
    dispatcher._round(dealer)
    assert sorted(work.channel for work in dispatcher._busy.values()) == ["job:/a", "job:/a", "job:/b"]


def test_a_lease_waits_for_no_disk_and_what_follows_does(database: Database, tmp_path: Path) -> None:
    company = Installation(database, tmp_path, "a")
    company.bpm.deploy(one_job("a"))
    company.bpm.start("a")
    asked = "PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit"
    with database.write(synced=False) as connection:
        assert str(connection.exec_driver_sql(asked).scalar_one()) in ("1", "off")
        connection.commit()
    with database.write() as connection:
        assert str(connection.exec_driver_sql(asked).scalar_one()) in ("2", "on")
    with pytest.raises(ZeroDivisionError), database.write(synced=False):
        _ = 1 / 0
    with database.write() as connection:
        assert str(connection.exec_driver_sql(asked).scalar_one()) in ("2", "on")
