"""What clocks of service levels say: they remind, and when the time is over they do what the policy says.

Each alarm is a transaction of its own under the lock of the task's instance, in which the clock notes that it rang: so
it rings once, whoever dies when.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bpm_server.domain.approvals import acts
from bpm_server.domain.approvals.node import Act, Outcome
from bpm_server.domain.approvals.policy import is_approval
from bpm_server.domain.identity import SYSTEM
from bpm_server.domain.service_levels import TimeoutAction, has_service_level, read_service_level
from bpm_server.domain.sla import next_alarm
from bpm_server.domain.states import TaskState
from bpm_server.domain.tasks import TaskValues
from bpm_server.services.acts import note_act
from bpm_server.services.approval_nodes import node_of, process_of, write_node
from bpm_server.services.approval_signers import superior_of
from bpm_server.services.approvals import finish
from bpm_server.services.authorization import authorize
from bpm_server.services.informing import remind, waits_for
from bpm_server.services.service_levels import set_anew
from bpm_server.services.tasks import change_task
from bpm_server.services.transaction import command, transaction
from bpm_server.store import instances, tasks
from bpm_server.store import service_levels as store
from bpm_server.store.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bpm_server.domain.tasks import Task
    from bpm_server.services.server import Server
    from bpm_server.services.transaction import Transaction
    from bpm_server.store.batch import InstanceRow
    from bpm_server.store.service_levels import ClockRow

LONGEST_POSTPONE = timedelta(minutes=30)
WHILE_LISTENERS_WORK = timedelta(minutes=1)
OUTCOMES = {TimeoutAction.APPROVE: Outcome.APPROVED, TimeoutAction.REJECT: Outcome.REJECTED}


def due_alarms(server: Server, limit: int) -> list[int]:
    """Tasks whose clocks should have said something by now, earliest first."""
    with server.database.read() as connection:
        return store.due_alarms(connection, read_moment(connection).now, limit)


@command
def ring_alarm(server: Server, key: int) -> bool:
    """Does what the clock of a task says now; False if it says nothing any more, or somebody works on the instance.

    Who works there is not waited for: the alarm stays due, and the others that are due go on.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_USER_TASK")
        clock = store.find_clock(tx.connection, key)
        if clock is None or not _is_due(tx, clock):
            return False
        row = instances.try_lock_instance(tx.connection, clock.instance_key)
        clock = store.lock_clock(tx.connection, key)
        if row is None or clock is None or not _is_due(tx, clock):
            return False
        task = tasks.read_task(tx.connection, key)
        if task.ended_at is not None:  # its process was migrated to a version without clocks
            store.stop_clocks(tx.connection, [key], tx.now)
        elif task.state != TaskState.CREATED:
            store.postpone(tx.connection, key, tx.now + WHILE_LISTENERS_WORK, clock.failures)
        else:
            _ring(tx, row, task, clock)
    return True


def _is_due(tx: Transaction, clock: ClockRow) -> bool:
    return clock.alarm_at is not None and clock.alarm_at <= tx.now


def _ring(tx: Transaction, row: InstanceRow, task: Task, clock: ClockRow) -> None:
    known = tx.server.calendars.find(tx.connection, tx.moment, clock.calendar_id)
    if clock.revision < known.revision:  # nobody is reminded by hours that do not count any more
        set_anew(tx, [clock])
        return
    alarm = next_alarm(clock.clock, known.calendar, clock.rung)
    if alarm is None:
        store.stop_clocks(tx.connection, [task.key], tx.now)
        return
    clock.rung, clock.failures = alarm.left, 0
    clock.set_by(known.calendar, known.revision)
    store.update_clocks(tx.connection, [clock])
    tx.wake("alarms")
    properties = process_of(tx, task.process_definition_key).nodes[task.element_id].properties
    action = TimeoutAction.REMIND
    if alarm.left == clock.clock.lefts[-1] and has_service_level(properties):
        action = read_service_level(properties).action
    _do(tx, row, task, action, approves=is_approval(properties))


def _do(tx: Transaction, row: InstanceRow, task: Task, action: TimeoutAction, *, approves: bool) -> None:
    """Where there is no superior to ask, and where nobody was asked who could be passed over, it is a reminder."""
    people = waits_for(tx, task)
    if action is TimeoutAction.REMIND or (action in OUTCOMES and not (approves and people)):
        remind(tx, task, people)
    elif action in OUTCOMES:
        at = node_of(tx, task, row, "time out")
        acts.time_out(at.node, SYSTEM.username, OUTCOMES[action])
        finish(at, Act.TIMEOUT)
    elif not (_escalate_node(tx, row, task, people) if approves else _escalate_task(tx, task, people)):
        remind(tx, task, people)


def _superiors(tx: Transaction, people: Iterable[str], process_id: str) -> dict[str, str]:
    """Whoever is above each of some people."""
    found = ((one, superior_of(tx, one, process_id)) for one in people)
    return {one: superior.person for one, superior in found if superior is not None}


def _escalate_node(tx: Transaction, row: InstanceRow, task: Task, people: list[str]) -> list[str]:
    at = node_of(tx, task, row, "escalate")
    asked = acts.escalate(at.node, SYSTEM.username, _superiors(tx, people, task.process_id))
    if asked:
        write_node(at, Act.ESCALATE)
    return asked


def _escalate_task(tx: Transaction, task: Task, people: list[str]) -> list[str]:
    """Whoever had the task, and their superiors: the first of them takes it."""
    superiors = set(_superiors(tx, people, task.process_id).values()) - set(people)
    asked = sorted(superiors)
    if asked:
        users = tuple(dict.fromkeys([*sorted(task.candidate_users), *people, *asked]))
        change_task(tx, task, "assigning", TaskValues(assignee=None, candidate_users=users), "escalate")
        note_act(tx, Act.ESCALATE, task.instance_key, task.key, people=asked)
    return asked


@command
def postpone_alarm(server: Server, key: int) -> None:
    """Ringing failed for a reason of ours: tries again later, each time after a longer pause."""
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_USER_TASK")
        clock = store.lock_clock(tx.connection, key)
        if clock is not None and _is_due(tx, clock):
            pause = min(timedelta(seconds=5) * 2 ** min(clock.failures, 10), LONGEST_POSTPONE)
            store.postpone(tx.connection, key, tx.now + pause, clock.failures + 1)


@command
def set_clocks(server: Server, limit: int) -> int:
    """Sets some clocks by their calendar, which has changed since; how many.

    What was used up before the last pause stays as it was counted. Nothing is kept of how far it came: a clock that is
    set knows by which change of its calendar.
    """
    with transaction(server, SYSTEM) as tx:
        authorize(tx.actor, "PROCESS_DEFINITION", "UPDATE_USER_TASK")
        outdated = store.lock_outdated(tx.connection, limit)
        set_anew(tx, outdated)
    return len(outdated)
