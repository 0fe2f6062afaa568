"""Signal and timer events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bpm_server.store.tables.instances import process_instance
from bpm_server.store.tables.jobs import timer as timer_table
from tests.conformance.camunda8.scenario import catch, refused, run, throw
from tests.support.bpmn_builder import Process, event, extensions, io, timer
from tests.support.engine_world import START
from tests.support.product import Product


def catches(process_id: str, extra: str = "", name: str = "alarm") -> Process:
    """Waits for the signal, then a user task."""
    p = Process(process_id)
    p.signal("sig", name)
    p.path(p.start(), catch(p, "c", event("signal", signalRef="sig"), extra), p.user(f"{process_id}-after"), p.end())
    return p


def due(process: Process, **variables: object) -> list[datetime]:
    """When the timers are due."""
    return [found.due_at for found in run(process, **variables).timers.values()]


def instances(bpm: Product) -> int:
    """How many instances there are."""
    return len(bpm.scalars(sa.select(process_instance.c.key)))


# --- signals --------------------------------------------------------------------------------------------


def test_a_signal_reaches_everybody(bpm_sqlite: Product) -> None:
    """Signal events: all instances that wait, also of different processes."""
    bpm_sqlite.deploy(catches("p").xml(), catches("q").xml())
    for process in ("p", "p", "q"):
        bpm_sqlite.start(process)
    bpm_sqlite.signal("alarm")
    assert bpm_sqlite.open_tasks() == ["p-after", "p-after", "q-after"]


def test_a_signal_that_nobody_awaits_is_lost(bpm_sqlite: Product) -> None:
    """Signals: broadcast to the subscriptions that are open; there is no buffer."""
    bpm_sqlite.deploy(catches("p").xml())
    bpm_sqlite.signal("alarm")
    bpm_sqlite.start()
    bpm_sqlite.deliver()
    assert bpm_sqlite.open_tasks() == []


def test_a_signal_starts_one_instance_of_each_process(bpm_sqlite: Product) -> None:
    """Signal events / Signal start events: only of the latest version of each."""
    for name in ("first", "second"):
        p = Process("p", name)
        p.signal("sig", "alarm")
        p.path(p.start("s", event("signal", signalRef="sig")), p.user(name), p.end())
        bpm_sqlite.deploy(p.xml())
    bpm_sqlite.signal("alarm", level=3)
    assert bpm_sqlite.open_tasks() == ["second"]
    (instance,) = bpm_sqlite.scalars(sa.select(process_instance.c.key))
    assert bpm_sqlite.variables(instance) == {"level": 3}


def test_the_local_variables_of_a_signal_throw_event_go_with_it(bpm_sqlite: Product) -> None:
    """Signal events / Variable mappings: input mappings at the throw event make what is passed along."""
    bpm_sqlite.deploy(catches("p").xml())
    waiting = bpm_sqlite.start()
    p = Process("q")
    p.signal("sig", "alarm")
    p.path(p.start(), throw(p, "t", event("signal", signalRef="sig"), io({"level": "=n + 1"})), p.end())
    bpm_sqlite.deploy(p.xml())
    bpm_sqlite.start("q", n=1, secret=1)
    bpm_sqlite.deliver()
    assert bpm_sqlite.variables(waiting) == {"level": 2}


def test_a_signal_end_event_broadcasts(bpm_sqlite: Product) -> None:
    """Signal events / Signal throw events: end events broadcast too."""
    bpm_sqlite.deploy(catches("p").xml())
    bpm_sqlite.start()
    p = Process("q")
    p.signal("sig", "alarm")
    p.path(p.start(), p.end("e", event("signal", signalRef="sig")))
    bpm_sqlite.deploy(p.xml())
    bpm_sqlite.start("q")
    bpm_sqlite.deliver()
    assert bpm_sqlite.open_tasks() == ["p-after"]


def test_the_variables_of_a_signal_can_be_mapped(bpm_sqlite: Product) -> None:
    """Signal events / Variable mappings: an output mapping at the catch event chooses."""
    bpm_sqlite.deploy(catches("p", io(outputs={"taken": "=level"})).xml())
    instance = bpm_sqlite.start()
    bpm_sqlite.signal("alarm", level=3, noise=1)
    assert bpm_sqlite.variables(instance) == {"taken": 3}


def test_the_name_of_a_signal_may_be_an_expression(bpm_sqlite: Product) -> None:
    """Signal events / Signals: evaluated on activating the event."""
    bpm_sqlite.deploy(catches("p", name='="order " + status').xml())
    bpm_sqlite.start(status="late")
    bpm_sqlite.signal("order late")
    assert bpm_sqlite.open_tasks() == ["p-after"]


# --- timers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("Duration", "PT1H30M", START + timedelta(minutes=90)),
        ("Duration", "P14DT1H30M", START + timedelta(days=14, minutes=90)),
        ("Duration", "=wait", START + timedelta(days=3)),
        ("Duration", "=date and time(end) - date and time(begin)", START + timedelta(days=2)),
        ("Date", "2026-10-01T12:00:00Z", datetime(2026, 10, 1, 12, tzinfo=UTC)),
        ("Date", "2026-10-02T08:09:40+02:00[Europe/Berlin]", datetime(2026, 10, 2, 6, 9, 40, tzinfo=UTC)),
        ("Date", "=date and time(end)", datetime(2026, 1, 5, tzinfo=UTC)),
    ],
)
def test_an_intermediate_timer_is_due(kind: str, text: str, expected: datetime) -> None:
    """Timer events / Timers: static ISO 8601, a variable or a temporal value."""
    p = Process()
    p.path(p.start(), catch(p, "t", timer(kind, text)), p.end())
    assert due(p, wait="P3D", begin="2026-01-03T00:00:00Z", end="2026-01-05T00:00:00Z") == [expected]


@pytest.mark.parametrize(
    ("kind", "text"), [("Duration", "PT0S"), ("Duration", "-PT5M"), ("Date", "2020-01-01T00:00:00Z")]
)
def test_a_timer_of_the_past_fires_at_once(kind: str, text: str) -> None:
    """Timer events / Time duration: zero or negative fires immediately; so does a date that has passed."""
    p = Process()
    p.path(p.start(), catch(p, "t", timer(kind, text)), p.end())
    assert run(p).advance(seconds=0).finished


def test_a_timer_start_event_starts_at_its_date(bpm_sqlite: Product) -> None:
    """Timer events / Timer start events: scheduled on deployment."""
    p = Process()
    p.path(p.start("s", timer("Date", "2026-01-02T00:00:00Z")), p.user("a"), p.end())
    bpm_sqlite.deploy(p.xml())
    bpm_sqlite.clock.advance(hours=23)
    assert instances(bpm_sqlite) == 0
    bpm_sqlite.clock.advance(hours=2)
    assert instances(bpm_sqlite) == 1


def test_a_timer_start_event_repeats(bpm_sqlite: Product) -> None:
    """Timer events / Time cycle: R3/PT1H starts three instances."""
    p = Process()
    p.path(p.start("s", timer("Cycle", "R3/PT1H")), p.end())
    bpm_sqlite.deploy(p.xml())
    bpm_sqlite.clock.advance(hours=10)
    assert instances(bpm_sqlite) == 3


def test_a_new_version_cancels_the_timers_of_the_old_one(bpm_sqlite: Product) -> None:
    """Timer events / Timer start events: timers of the previous version are cancelled."""
    for text in ("R/PT1H", "R/PT24H"):
        p = Process()
        p.path(p.start("s", timer("Cycle", text)), p.end())
        bpm_sqlite.deploy(p.xml())
    assert bpm_sqlite.scalars(sa.select(timer_table.c.due_at)) == [START + timedelta(days=1)]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("R3/PT1H", [1, 2, 3]),
        ("R2/2026-01-01T05:00:00Z/PT2H", [5, 7]),
        ("0 0 9-10 * * *", [9, 10, 33]),
    ],
)
def test_a_non_interrupting_boundary_cycle_repeats(text: str, hours: list[int]) -> None:
    """Timer events / Time cycle: interval, start time and cron."""
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    p.path(p.boundary("b", "a", timer("Cycle", text), interrupting=False), p.user("remind"))
    world = run(p)
    for turn, hour in enumerate(hours):
        (found,) = world.timers.values()
        assert found.due_at == START + timedelta(hours=hour)
        world.now = found.due_at
        world.advance(seconds=0)
        assert world.open().count("remind") == turn + 1


def test_a_non_interrupting_duration_fires_once() -> None:
    """Timer events / Timer boundary events: a duration triggers a single time."""
    p = Process()
    p.path(p.start(), p.user("a"), p.end())
    p.path(p.boundary("b", "a", timer("Duration", "PT1H"), interrupting=False), p.user("remind"))
    assert run(p).advance(hours=5).open() == ["a", "remind"]


def test_an_interrupting_timer_ends_its_activity() -> None:
    """Timer events / Timer boundary events: the activity is terminated."""
    p = Process()
    p.path(p.start(), p.service("a"), p.end())
    p.path(p.boundary("b", "a", timer("Duration", "PT1H")), p.user("late"))
    assert run(p).advance(hours=1).open() == ["late"]


def test_a_timer_ends_with_its_activity() -> None:
    """Timer events / Timer boundary events: completed in time, nothing is left to trigger."""
    p = Process()
    p.path(p.start(), p.user("a", extra=""), p.user("next"), p.end())
    p.path(p.boundary("b", "a", timer("Duration", "PT1H")), p.user("late"))
    world = run(p).complete("a")
    assert not world.timers
    assert world.advance(hours=2).open() == ["next"]


def test_a_text_that_is_no_timer_is_refused() -> None:
    """Timer events / Timers: a static value must be ISO 8601 (or cron)."""
    p = Process()
    p.path(p.start(), p.add("intermediateCatchEvent", "t", extensions() + timer("Duration", "soon")), p.end())
    assert refused(p) == {"timer-text"}
