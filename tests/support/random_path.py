"""What can happen next to the instances of a random process: people, workers, messages, signals, time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from bpm_server.domain.identity import SYSTEM
from bpm_server.services import correlation, incidents, jobs, messages, process_instances, suspension, tasks, timers
from bpm_server.store.tables.instances import element_instance, incident, process_instance, variable
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import message, pending_signal, subscription
from bpm_server.store.tables.tasks import user_task
from bpm_server.worker import rounds
from tests.support.product import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Row

    from tests.support.product import Product
    from tests.support.random_process.process import Blocks

    Move = tuple[str, Callable[[], Any]]

KEPT_MS = 3_600_000
UNKNOWN = "nobody-catches-this"


def moves(bpm: Product, drawing: Blocks) -> list[Move]:
    """Everything that could happen next, named, in the order of keys: the same for servers that went through the same."""
    return [
        *_of_people(bpm),
        *_of_workers(bpm, drawing),
        *_of_incidents(bpm),
        *_of_events(bpm),
        *_of_time(bpm),
        *_of_operators(bpm, drawing),
    ]


def _ordered(bpm: Product, table: sa.Table, *conditions: Any) -> list[Row[Any]]:
    return bpm.rows(sa.select(*table.columns).where(*conditions).order_by(table.c.key))


def _of_people(bpm: Product) -> Iterator[Move]:
    server, t = bpm.server, user_task.c
    for n, task in enumerate(_ordered(bpm, user_task, t.state == "CREATED", ~t.suspended)):
        yield f"complete {task.element_id}", partial(tasks.complete_task, server, ADMIN, task.key, {"n": n % 7})
        if n == 0 and task.assignee is None:
            yield f"claim {task.element_id}", partial(tasks.claim_task, server, ADMIN, task.key)


def _of_workers(bpm: Product, drawing: Blocks) -> Iterator[Move]:
    server, t = bpm.server, job.c
    for n, found in enumerate(_ordered(bpm, job, t.state == "CREATED", ~t.suspended)):
        actor = SYSTEM if found.kind == "async" else ADMIN
        values = {} if found.kind == "async" else {"n": n % 5}
        yield f"work on {found.element_id}", partial(jobs.complete_job, server, actor, found.key, values)
        if found.kind == "async":
            continue
        for code in (*drawing.codes, UNKNOWN):
            yield (
                f"error {code} of {found.element_id}",
                partial(jobs.throw_job_error, server, ADMIN, found.key, code, None, {"n": 2}),
            )
        for left in (0, 1):
            fail = partial(jobs.fail_job, server, ADMIN, found.key, retries=left, message="no", variables={"n": 3})
            yield f"failure of {found.element_id}, {left} left", fail


def _of_incidents(bpm: Product) -> Iterator[Move]:
    halted = sa.select(process_instance.c.key).where(process_instance.c.suspended_at.is_not(None))
    conditions = (incident.c.state == "ACTIVE", incident.c.instance_key.not_in(halted))
    for found in _ordered(bpm, incident, *conditions):
        resolve = partial(incidents.resolve_incident, bpm.server, ADMIN, found.key)
        yield f"resolve {found.kind} at {found.element_id}", resolve


def _of_events(bpm: Product) -> Iterator[Move]:
    server, t = bpm.server, subscription.c
    waiting = _ordered(bpm, subscription, t.instance_key.is_not(None), ~t.suspended)
    for n, wait in enumerate(waiting):
        if wait.kind == "signal":
            yield f"signal {wait.name}", partial(messages.broadcast_signal, server, ADMIN, wait.name, {"n": n % 3})
        elif wait.correlation_key is None:
            correlate = partial(
                correlation.correlate, server, ADMIN, wait.name, instance_key=wait.instance_key, variables={"n": n % 3},
                everyone=True,
            )  # fmt: skip
            yield f"correlate {wait.name}", correlate
        else:
            publish = partial(messages.publish_message, server, ADMIN, wait.name, wait.correlation_key, {"n": n % 3})
            yield f"publish {wait.name}", publish
    for key in bpm.scalars(sa.select(message.c.key).where(message.c.pending).order_by(message.c.key)):
        yield "deliver a message", partial(messages.deliver_pending, server, key)
    if bpm.scalars(sa.select(pending_signal.c.key)):
        yield "deliver signals", partial(rounds.deliver_signals, server)


def _of_time(bpm: Product) -> Iterator[Move]:
    found = bpm.rows(
        sa.select(timer.c.key, timer.c.due_at, timer.c.event_id)
        .where(timer.c.instance_key.is_not(None), ~timer.c.suspended)
        .order_by(timer.c.due_at, timer.c.key)
    )
    for due in found[:1]:
        yield f"timer {due.event_id}", partial(_fire, bpm, due)


def _fire(bpm: Product, due: Row[Any]) -> None:
    bpm.clock.set(max(bpm.clock.now(), due.due_at))
    timers.fire_timer(bpm.server, due.key)


def _of_operators(bpm: Product, drawing: Blocks) -> Iterator[Move]:
    server, t = bpm.server, process_instance.c
    active = _ordered(bpm, process_instance, t.ended_at.is_(None))
    for instance in active:
        for flag in _down(bpm, instance.key, drawing.flags):
            raise_flag = partial(process_instances.set_variables, server, ADMIN, instance.key, {flag: True})
            yield f"{flag} of {instance.process_id}", raise_flag
        act = suspension.suspend_instance if instance.suspended_at is None else suspension.resume_instance
        yield f"{act.__name__} {instance.process_id}", partial(act, server, ADMIN, instance.key)
    for name in drawing.messages:
        yield f"keep {name}", partial(messages.publish_message, server, ADMIN, name, "key", {"n": 1}, KEPT_MS)
    scopes = _ordered(bpm, element_instance, element_instance.c.state == "ACTIVE")[-1:]
    for scope in scopes:
        change = partial(process_instances.set_variables, server, ADMIN, scope.key, {"n": 4}, local=True)
        yield f"set n at {scope.element_id}", change
    if active:
        yield "cancel", partial(process_instances.cancel_instance, server, ADMIN, active[0].root_key)


def _down(bpm: Product, instance_key: int, flags: list[str]) -> list[str]:
    up = sa.select(variable.c.name).where(variable.c.scope_key == instance_key, variable.c.value == "true")
    raised = set(bpm.scalars(up))
    return [flag for flag in flags if flag not in raised]
