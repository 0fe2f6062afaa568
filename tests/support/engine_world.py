"""Runs the engine alone, in memory: what the store would keep is kept in plain lists.

``reload`` forgets the live instance after every command and loads it from what was written; ``partial`` loads only
the multi-instance item that a command is for, as the store does.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bpm_server import bpmn, engine
from bpm_server.domain import commands as c
from bpm_server.domain import events as e
from bpm_server.engine.state import changes, token_keys
from bpm_server.kernel import json
from bpm_server.kernel.findings import refuse_errors

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class World:
    """One instance of one process."""

    definition: engine.Definition
    reload: bool = False
    partial: bool = False
    now: datetime = START
    instance: Any = None
    finished: bool = False
    result: dict[str, Any] = field(default_factory=dict)
    log: list[Any] = field(default_factory=list)
    active: dict[int, tuple[str, str]] = field(default_factory=dict)
    history: list[tuple[str, str]] = field(default_factory=list)
    tasks: dict[int, e.UserTaskCreated] = field(default_factory=dict)
    states: dict[int, str] = field(default_factory=dict)
    jobs: dict[int, e.JobCreated] = field(default_factory=dict)
    timers: dict[int, e.TimerScheduled] = field(default_factory=dict)
    waits: dict[int, e.SubscriptionOpened] = field(default_factory=dict)
    calls: dict[int, e.ProcessCalled] = field(default_factory=dict)
    incidents: dict[int, e.IncidentRaised] = field(default_factory=dict)
    variables: dict[int, dict[str, Any]] = field(default_factory=dict)
    decisions: Any = None
    limits: engine.Limits = field(default_factory=engine.Limits)
    chunks: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    outputs: dict[int, dict[int, Any]] = field(default_factory=dict)
    reloads: int = 0

    def __post_init__(self) -> None:
        self._keys = itertools.count(1000)

    @classmethod
    def of(cls, xml: bytes, process_id: str = "p", **options: Any) -> World:
        diagram = bpmn.read(xml, name="test.bpmn")
        refuse_errors("test.bpmn", diagram.findings)
        return cls(engine.compile_process(diagram.process(process_id), diagram.dialect), **options)

    # --- commands ---------------------------------------------------------------------------------------

    def start(self, variables: dict[str, Any] | None = None, element_id: str | None = None) -> World:
        command = c.StartInstance(next(self._keys), variables or {}, element_id)
        self._after(engine.start(self.definition, command, self.context()))
        return self

    def do(self, command: c.Command) -> World:
        if self.reload:
            self.instance = self._load(getattr(command, "chunk", None) if self.partial else None)
        keys = self._keys
        self._keys, copy = itertools.tee(keys)
        try:
            outcome = engine.advance(self.instance, command, self.context())
        except engine.ChunkNeeded:
            self._keys = copy
            self.instance = self._load(None)
            outcome = engine.advance(self.instance, command, self.context())
        self._after(outcome)
        return self

    def _load(self, chunk: int | None) -> engine.Instance:
        self.reloads += 1
        return engine.load(self.definition, self.stored(chunk))

    def stored(self, chunk: int | None) -> engine.Stored:
        """What was written: everything, or one item with what encloses it."""
        if chunk is None:
            wanted = {key: data for key, (_, data) in self.chunks.items() if key}
        else:
            wanted = {}
            while chunk:
                parent, wanted[chunk] = self.chunks[chunk]
                chunk = parent
        root = self.chunks[0][1]
        live = token_keys(root, wanted)
        values = [
            (scope, name, json.dumps_bytes(value))
            for scope in live
            for name, value in self.variables.get(scope, {}).items()
        ]
        complete = len(wanted) == len(self.chunks) - 1
        outputs = self.outputs if complete else {}
        copies = {key: dict(found) for key, found in outputs.items()}
        return engine.Stored(root, wanted, complete, values, copies)

    def complete(self, element_id: str, variables: dict[str, Any] | None = None, nth: int = 0) -> World:
        task = self.task(element_id, nth)
        return self.do(c.CompleteTask(task.key, variables or {}, task.chunk))

    def work(self, element_id: str, variables: dict[str, Any] | None = None, nth: int = 0) -> World:
        job = [job for job in self.jobs.values() if job.element_id == element_id][nth]
        if job.kind == "async":
            return self.do(c.Continue(job.element_key, job.chunk))
        return self.do(c.CompleteJob(job.element_key, variables or {}, job.chunk))

    def error(self, element_id: str, code: str, message: str | None = None) -> World:
        job = next(job for job in self.jobs.values() if job.element_id == element_id)
        return self.do(c.ThrowError(job.element_key, code, message, {}, job.chunk))

    def message(self, name: str, variables: dict[str, Any] | None = None, key: str | None = None) -> World:
        wait = next(w for w in self.waits.values() if w.name == name and key in (None, w.correlation_key))
        return self.do(c.TriggerEvent(wait.element_key, wait.event_id, variables or {}, wait.chunk))

    def advance(self, **delta: float) -> World:
        """Moves the clock; timers fire one by one at their due time."""
        target = self.now + timedelta(**delta)
        while True:
            due = sorted((t for t in self.timers.values() if t.due_at <= target), key=lambda t: (t.due_at, t.key))
            if not due or self.finished:
                break
            timer = due[0]
            self.now = max(self.now, timer.due_at)
            self.do(c.FireTimer(timer.element_key, timer.event_id, timer.due_at, timer.repetitions, timer.chunk))
        self.now = target
        return self

    def resolve(self, element_id: str) -> World:
        incident = next(i for i in self.incidents.values() if i.element_id == element_id)
        return self.do(c.ResolveIncident(incident.element_key, incident.chunk))

    def set(self, **values: Any) -> World:
        return self.do(c.SetVariables(self.key, values))

    def cancel(self) -> World:
        return self.do(c.CancelInstance())

    # --- what there is ----------------------------------------------------------------------------------

    @property
    def key(self) -> int:
        key: int = self.log[0].key
        return key

    def task(self, element_id: str, nth: int = 0) -> e.UserTaskCreated:
        found = [task for task in self.tasks.values() if task.element_id == element_id]
        assert len(found) > nth, f"no open task {element_id}: {self.open()}"
        return found[nth]

    def open(self) -> list[str]:
        """Ids of jobs and of user tasks that nobody but a person keeps from going on, sorted."""
        found = [t.element_id for t in self.tasks.values() if self.states[t.key] == "CREATED"]
        found += [j.element_id for j in self.jobs.values()]
        return sorted(found)

    def process_variables(self) -> dict[str, Any]:
        return self.variables.get(self.key, {})

    def completed(self) -> list[str]:
        """Ids of elements in the order they completed."""
        return [element for element, state in self.history if state == "completed"]

    def context(self) -> engine.Context:
        """What the engine asks its surroundings for."""
        return engine.Context(self.now, lambda: next(self._keys), self.decisions, self.limits)

    def _after(self, outcome: engine.Outcome) -> None:
        self.instance, self.finished, self.result = outcome.instance, outcome.finished, outcome.variables
        changed = changes(outcome.instance)
        self.chunks.update(changed.written)
        for key in changed.dropped:
            self.chunks.pop(key, None)
        for event in outcome.events:
            self._apply(event)

    def _apply(self, event: Any) -> None:  # noqa: C901
        self.log.append(event)
        match event:
            case e.ElementActivated():
                self.active[event.key] = (event.element_id, event.type)
            case e.ElementCompleted():
                self.history.append((self.active.pop(event.key)[0], "completed"))
            case e.ElementTerminated():
                self.history.append((self.active.pop(event.key)[0], "terminated"))
            case e.VariablesSet():
                self.variables.setdefault(event.scope_key, {}).update(event.values)
            case e.UserTaskCreated():
                self.tasks[event.key] = event
                self.states[event.key] = "CREATED"
            case e.UserTaskChanged():
                self.states[event.key] = event.state
                self.tasks[event.key] = msgspec.structs.replace(self.tasks[event.key], **event.values.named())
            case e.UserTaskCompleted() | e.UserTaskCanceled():
                del self.tasks[event.key]
            case e.JobCreated():
                self.jobs[event.element_key] = event
            case e.JobCompleted() | e.JobCanceled():
                del self.jobs[event.element_key]
            case e.TimerScheduled():
                self.timers[event.key] = event
            case e.TimersCanceled():
                self._drop(self.timers, event)
            case e.SubscriptionOpened():
                self.waits[event.key] = event
            case e.SubscriptionsClosed():
                self._drop(self.waits, event)
            case e.ProcessCalled():
                self.calls[event.element_key] = event
            case e.CallCanceled():
                del self.calls[event.element_key]
            case e.IncidentRaised():
                self.incidents[event.element_key] = event
            case e.IncidentResolved():
                del self.incidents[event.element_key]
            case e.ItemFinished():
                self.outputs.setdefault(event.body_key, {})[event.index] = event.output
            case e.ItemsGathered():
                self.outputs.pop(event.body_key, None)
            case e.ErrorEscaped():
                self.do(c.RaiseIncident(event.element_key, "UNHANDLED_ERROR_EVENT", event.code, event.chunk))

    def _drop(self, rows: dict[int, Any], event: Any) -> None:
        for key, row in list(rows.items()):
            if row.element_key == event.element_key and (event.event_ids is None or row.event_id in event.event_ids):
                del rows[key]
