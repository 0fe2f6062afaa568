"""What can happen next to the instances of a random process: people, workers, messages, signals, time, operators."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import correlation, incidents, jobs, messages, process_instances, suspension, tasks, timers
from bpm_server.store.tables.jobs import timer
from bpm_server.worker import rounds
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.product import Product
    from tests.support.random_process.process import Blocks
    from tests.support.snapshot import Snapshot

    Move = tuple[str, Callable[[], Any]]

KEPT_MS = 3_600_000
UNKNOWN = "nobody-catches-this"
CANCELED_FROM = 12
"""Elements after which a path may be cut off."""


def moves(bpm: Product, found: Snapshot, drawing: Blocks) -> list[Move]:
    """Everything that could happen next, named; in the order of keys, so that twins have the same list."""
    return [
        *_of_people(bpm, found),
        *_of_workers(bpm, found, drawing),
        *_of_incidents(bpm, found),
        *_of_events(bpm, found),
        *_of_time(bpm, found),
        *_of_operators(bpm, found, drawing),
    ]


def _of_people(bpm: Product, found: Snapshot) -> Iterator[Move]:
    for n, task in enumerate(found.rows("user_task", state="CREATED", suspended=False)):
        complete = partial(tasks.complete_task, bpm.server, ADMIN, task["key"], {"n": n % 7})
        yield f"complete {task['element_id']}", complete
        if n == 0 and task["assignee"] is None:
            yield f"claim {task['element_id']}", partial(tasks.claim_task, bpm.server, ADMIN, task["key"])


def _of_workers(bpm: Product, found: Snapshot, drawing: Blocks) -> Iterator[Move]:
    server = bpm.server
    for n, job in enumerate(found.rows("job", state="CREATED", suspended=False)):
        key, where = job["key"], job["element_id"]
        if job["kind"] == "async":
            yield f"go on at {where}", partial(jobs.complete_job, server, SYSTEM, key)
            continue
        yield f"work on {where}", partial(jobs.complete_job, server, ADMIN, key, {"n": n % 5})
        for code in (*drawing.codes, UNKNOWN):
            throw = partial(jobs.throw_job_error, server, ADMIN, key, code, None, {"n": 2})
            yield f"error {code} of {where}", throw
        for left in (0, 1):
            fail = partial(jobs.fail_job, server, ADMIN, key, retries=left, message="no", variables={"n": 3})
            yield f"failure of {where}, {left} left", fail


def _of_incidents(bpm: Product, found: Snapshot) -> Iterator[Move]:
    running = {row["key"] for row in found.rows("process_instance", suspended_at=None)}
    for incident in found.rows("incident", state="ACTIVE"):
        if incident["instance_key"] in running:
            resolve = partial(incidents.resolve_incident, bpm.server, ADMIN, incident["key"])
            yield f"resolve {incident['kind']} at {incident['element_id']}", resolve


def _of_events(bpm: Product, found: Snapshot) -> Iterator[Move]:
    server = bpm.server
    for n, wait in enumerate(found.rows("subscription", kind="signal", suspended=False)):
        signal = partial(messages.broadcast_signal, server, ADMIN, wait["name"], {"n": n % 3})
        yield f"signal {wait['name']}", signal
    for n, wait in enumerate(found.rows("subscription", kind="message", suspended=False)):
        name, values = wait["name"], {"n": n % 3}
        if wait["correlation_key"] is None:
            to, key = partial(correlation.correlate, server, ADMIN, name), wait["instance_key"]
            yield f"correlate {name}", partial(to, instance_key=key, variables=values, everyone=True)
        else:
            key = wait["correlation_key"]
            yield f"publish {name}", partial(messages.publish_message, server, ADMIN, name, key, values)
    for message in found.rows("message"):
        if message["pending"]:
            yield f"deliver {message['name']}", partial(messages.deliver_pending, server, message["key"])
    if found.rows("pending_signal"):
        yield "deliver signals", partial(rounds.deliver_signals, server)


def _of_time(bpm: Product, found: Snapshot) -> Iterator[Move]:
    running = found.rows("timer", suspended=False)
    if running:
        due = min(running, key=lambda row: (row["due_at"], row["key"]))
        yield f"timer {due['event_id']}", partial(_fire, bpm, due["key"])


def _fire(bpm: Product, key: int) -> None:
    (due_at,) = bpm.scalars(sa.select(timer.c.due_at).where(timer.c.key == key))
    bpm.clock.set(max(bpm.clock.now(), due_at))
    timers.fire_timer(bpm.server, key)


def _of_operators(bpm: Product, found: Snapshot, drawing: Blocks) -> Iterator[Move]:
    server = bpm.server
    active = found.rows("process_instance", ended_at=None)
    for instance in active:
        key, process_id = instance["key"], instance["process_id"]
        up = {row["name"] for row in found.rows("variable", scope_key=key, value="true")}
        for flag in drawing.flags:
            if flag not in up:
                raise_flag = partial(process_instances.set_variables, server, ADMIN, key, {flag: True})
                yield f"{flag} of {process_id}", raise_flag
        act = suspension.suspend_instance if instance["suspended_at"] is None else suspension.resume_instance
        yield f"{act.__name__} {process_id}", partial(act, server, ADMIN, key)
    for name in drawing.messages if active else ():
        keep = partial(messages.publish_message, server, ADMIN, name, "key", {"n": 1}, KEPT_MS)
        yield f"keep {name}", keep
    for scope in found.rows("element_instance", state="ACTIVE")[-1:]:
        change = partial(process_instances.set_variables, server, ADMIN, scope["key"], {"n": 4}, local=True)
        yield f"set n at {scope['element_id']}", change
    if active and len(found.rows("element_instance")) >= CANCELED_FROM:
        yield "cancel", partial(process_instances.cancel_instance, server, ADMIN, active[0]["root_key"])
