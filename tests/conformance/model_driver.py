"""Drives a process file as its users would: completes tasks and jobs, sends what is awaited, moves the clock.

``drive(path)`` tells whether the file deploys and whether every process in it runs to its end.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import sqlalchemy as sa

from bpm_server import bpmn
from bpm_server.bpmn.model import CallWork, DecisionWork, NodeType, TimerEvent
from bpm_server.connectors.registry import Registry
from bpm_server.kernel.errors import BpmError
from bpm_server.kernel.findings import RefusedFile
from bpm_server.services import correlation, incidents, jobs, messages, process_instances, tasks, timers
from bpm_server.store.database import Database
from bpm_server.store.tables.definitions import process_definition
from bpm_server.store.tables.instances import incident, process_instance
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task
from tests.conformance.model_values import Values
from tests.support.bpmn_builder import Process as Builder
from tests.support.product import ADMIN, Product, empty_database

if TYPE_CHECKING:
    from bpm_server.bpmn import Process
    from bpm_server.kernel.findings import Finding

ATTEMPTS = 8
LEFT = ("audit-log", "history")
"""Instances that have ended stay, however far the clock goes."""
STEPS = 150
SECONDS = 20.0
STUB = "stub"


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        deployed: The server took it.
        completed: Every executable process of it reached its end.
        reason: Why not, in words.
    """

    deployed: bool
    completed: bool
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    ended: tuple[str, ...] = field(default=())


def drive(path: Path | str, attempts: int = ATTEMPTS) -> Outcome:
    """Deploys one BPMN file on a fresh server and drives each of its executable processes.

    Args:
        path: The file.
        attempts: So many draws of variables are tried for each process.
    """
    path = Path(path)
    data = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.db"
        file.write_bytes(empty_database())
        database = Database(f"sqlite:///{file}")
        try:
            return _drive(Product.on(database, Path(folder), Registry([])), path.name, data, attempts)
        finally:
            database.dispose()


def _drive(bpm: Product, name: str, data: bytes, attempts: int) -> Outcome:
    try:
        diagram = bpmn.read(data, name=name)
        values = Values(data, STUB)
        for called in _called(diagram.processes):
            bpm.deploy((f"{called}.bpmn", _stub(called)))
        for decision, result in _decisions(diagram.processes).items():
            bpm.deploy((f"{decision}.dmn", _stub_decision(decision, values.first(result))))
        deployment = bpm.deploy((name, data))
    except RefusedFile as error:
        return Outcome(deployed=False, completed=False, findings=tuple(error.findings), reason=str(error))
    ended, reasons = [], []
    for process in diagram.processes:
        if not process.executable:
            continue
        reason = _complete(bpm, process, values, attempts)
        if reason:
            reasons.append(f"{process.id}: {reason}")
        else:
            ended.append(process.id)
    findings = tuple(deployment.findings)
    return Outcome(True, not reasons, findings, "; ".join(reasons), tuple(ended))


def _called(processes: tuple[Process, ...]) -> set[str]:
    own = {process.id for process in processes}
    found = {STUB}
    for process in processes:
        calls = [node.work.process for node in process.nodes.values() if isinstance(node.work, CallWork)]
        found |= {call.source for call in calls if not call.names and re.fullmatch(r"[\w.-]+", call.source)}
    return found - own


def _decisions(processes: tuple[Process, ...]) -> dict[str, str]:
    """Result variables by id of the decisions that the processes ask for."""
    works = [node.work for process in processes for node in process.nodes.values()]
    return {
        work.decision.source: work.result_variable or ""
        for work in works
        if isinstance(work, DecisionWork) and not work.decision.names
    }


def _stub_decision(decision_id: str, result: Any) -> bytes:
    return (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="stub">'
        f"<decision id={quoteattr(decision_id)} name={quoteattr(decision_id)}>"
        f"<literalExpression><text>{escape(json.dumps(result))}</text></literalExpression></decision></definitions>"
    ).encode()


def _stub(process_id: str) -> bytes:
    p = Builder(process_id)
    p.path(p.start(), p.end())
    return p.xml()


def _complete(bpm: Product, process: Process, values: Values, attempts: int) -> str:
    """Tries several draws; the reason of the last one that did not reach the end, else nothing."""
    begun, reason = time.monotonic(), "no attempt was made"
    for attempt in range(attempts):
        if time.monotonic() - begun > SECONDS:
            break
        run = Run(bpm, values, random.Random(attempt), first=attempt == 0)
        try:
            reason = run.drive(process)
        except BpmError as error:
            reason = f"{type(error).__name__}: {error}"
        if not reason:
            return ""
    return reason


class Run:
    """One attempt at one process."""

    def __init__(self, bpm: Product, values: Values, draw: random.Random, *, first: bool) -> None:
        self.bpm = bpm
        self.server = bpm.server
        self.values = values
        self.draw = draw
        self.first = first
        self.key = 0
        self.incidents = 0

    def variables(self) -> dict[str, Any]:
        found = self.values.draw(self.draw, first=self.first)
        self.first = False
        return found

    def drive(self, process: Process) -> str:
        """Runs until the instance ends; the reason if it does not."""
        self.key = self._start(process)
        if not self.key:
            return "no start event that can be reached"
        for _ in range(STEPS):
            self.bpm.deliver(but=LEFT)
            state = self.bpm.state(self.key)
            if state != "ACTIVE":
                return "" if state == "COMPLETED" else f"ended as {state}"
            if not self._act():
                return self._stuck()
        return f"still running after {STEPS} acts"

    # --- start ----------------------------------------------------------------------------------------------

    def _start(self, process: Process) -> int:
        starts = [process.nodes[key] for key in process.children[process.id]
                  if process.nodes[key].type is NodeType.START_EVENT]  # fmt: skip
        before = self._newest(process.id)
        plain = [node for node in starts if node.event is None]
        if plain or not starts:
            return self.bpm.start(process.id, **self.variables())
        event = self.draw.choice(starts)
        if isinstance(event.event, TimerEvent):
            self._fire_next(
                sa.and_(timer.c.instance_key.is_(None), timer.c.process_definition_key == self._definition(process.id))
            )
        else:
            waiting = self.bpm.rows(
                sa.select(subscription).where(
                    subscription.c.instance_key.is_(None),
                    subscription.c.process_id == process.id,
                    subscription.c.event_id == event.id,
                )
            )
            if not waiting:
                return self.bpm.start(process.id, **self.variables())
            self._send(waiting[0])
        after = self._newest(process.id)
        return after if after != before else 0

    def _newest(self, process_id: str) -> int:
        query = sa.select(sa.func.max(process_instance.c.key)).where(process_instance.c.process_id == process_id)
        return self.bpm.scalars(query)[0] or 0

    def _definition(self, process_id: str) -> Any:
        return (
            sa.select(sa.func.max(process_definition.c.key))
            .where(process_definition.c.process_id == process_id)
            .scalar_subquery()
        )

    # --- acts -----------------------------------------------------------------------------------------------

    def _act(self) -> bool:
        """One thing that a person, a worker or the world does; False when nothing is left to do."""
        acts = [self._task, self._job, self._message, self._timer, self._condition]
        order = acts if self.draw.random() < 0.8 else self.draw.sample(acts, len(acts))
        return any(act() for act in order) or self._incident()

    def _mine(self, table: sa.Table) -> Any:
        family = sa.select(process_instance.c.key).where(process_instance.c.root_key == self.key)
        return table.c.instance_key.in_(family)

    def _task(self) -> bool:
        keys = self.bpm.scalars(sa.select(user_task.c.key).where(self._mine(user_task), user_task.c.state == "CREATED"))
        if not keys:
            return False
        tasks.complete_task(self.server, ADMIN, self.draw.choice(keys), self.variables())
        return True

    def _job(self) -> bool:
        keys = self.bpm.scalars(
            sa.select(job.c.key).where(self._mine(job), job.c.state == "CREATED", job.c.retries > 0)
        )
        if not keys:
            return False
        jobs.complete_job(self.server, ADMIN, self.draw.choice(keys), self.variables())
        return True

    def _message(self) -> bool:
        waiting = self.bpm.rows(sa.select(subscription).where(self._mine(subscription)))
        if not waiting:
            return False
        self._send(self.draw.choice(waiting))
        return True

    def _send(self, waiting: Any) -> None:
        if waiting.kind == "signal":
            messages.broadcast_signal(self.server, ADMIN, waiting.name, self.variables())
        elif waiting.correlation_key is None and waiting.instance_key is not None:
            correlation.correlate(self.server, ADMIN, waiting.name, variables=self.variables(), everyone=True)
        else:
            messages.publish_message(self.server, ADMIN, waiting.name, waiting.correlation_key or "", self.variables())
        self.bpm.deliver(but=LEFT)

    def _timer(self) -> bool:
        return self._fire_next(self._mine(timer))

    def _fire_next(self, which: Any) -> bool:
        due = self.bpm.rows(sa.select(timer.c.key, timer.c.due_at).where(which).order_by(timer.c.due_at).limit(1))
        if not due:
            return False
        self.bpm.clock.set(max(self.bpm.clock.now(), due[0].due_at))
        timers.fire_timer(self.server, due[0].key)
        self.bpm.deliver(but=LEFT)
        return True

    def _condition(self) -> bool:
        return False

    def _incident(self) -> bool:
        """Gives other values and tries again, as an operator would."""
        found = self.bpm.rows(sa.select(incident).where(self._mine(incident), incident.c.state == "ACTIVE"))
        if not found or self.incidents >= 4:
            return False
        self.incidents += 1
        one = found[0]
        process_instances.set_variables(self.server, ADMIN, one.instance_key, self.variables())
        incidents.resolve_incident(self.server, ADMIN, one.key)
        return True

    def _stuck(self) -> str:
        found = self.bpm.rows(sa.select(incident).where(self._mine(incident), incident.c.state == "ACTIVE"))
        if found:
            return f"incident at '{found[0].element_id}': {found[0].message}"
        return "nothing is left to do, but it has not ended"
