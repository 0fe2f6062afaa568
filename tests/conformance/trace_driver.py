"""Runs a scenario of ``../shared/scenarios`` on the product and reports it in the shape of its ``golden.json``.

``run(directory)``; ``NOT_REACHED`` names the scenarios whose reading is not ours, each with the reason.
"""

from __future__ import annotations

import json as plain_json
import re
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bpm_server.kernel import json
from bpm_server.kernel.errors import BpmError
from bpm_server.services import correlation, jobs, process_instances, tasks
from bpm_server.store.database import Database
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import element_instance, incident, process_instance, variable
from bpm_server.store.tables.jobs import job, timer
from bpm_server.store.tables.messages import subscription
from bpm_server.store.tables.tasks import user_task
from tests.support.product import ADMIN, Product, empty_database

NOT_REACHED: dict[str, str] = {}
TYPES = {"eventSubProcess": "subProcess"}
STATES = {"ACTIVE": "running", "COMPLETED": "completed", "TERMINATED": "canceled"}


class NoTarget(Exception):
    """No such open task, as the golden driver says it."""


class Scenario:
    """One scenario on a fresh database, or on one where its first steps have been made."""

    def __init__(self, directory: Path, folder: Path, database: Database | None = None) -> None:
        self.directory = directory
        self.spec = plain_json.loads((directory / "scenario.json").read_text(encoding="utf-8"))
        fresh = database is None
        if database is None:
            path = folder / "trace.db"
            path.write_bytes(empty_database())
            database = Database(f"sqlite:///{path}")
        self.bpm = Product.on(database, folder)
        if fresh:
            self.bpm.clock.set(datetime.fromisoformat(self.spec["clock"]))
        self.seen: dict[int, int] = {}
        self.numbers: dict[int, int] = {}
        texts = [(directory / name).read_text(encoding="utf-8") for name in self.spec["files"]]
        self._links = {
            match[1]
            for text in texts
            for match in re.finditer(
                r'<bpmn:intermediate\w+Event id="(\w+)"(?:(?!</bpmn:intermediate).)*?linkEventDefinition', text, re.S
            )
        }

    def run(self) -> dict[str, Any]:
        snapshots = self.begin(len(self.spec["steps"]))
        self.bpm.server.database.dispose()
        return {"format": 1, "scenario": self.spec["name"], "engine": "bpm-server", "snapshots": snapshots}

    def begin(self, steps: int) -> list[dict[str, Any]]:
        """Deploys, and makes the first steps."""
        snapshots = [self.step({"do": "deploy"}, self._deploy)]
        if snapshots[0]["outcome"] == "ok":
            snapshots += [self._do(step) for step in self.spec["steps"][:steps]]
        return snapshots

    def go_on(self, steps: int) -> list[dict[str, Any]]:
        """Makes the steps behind the first ones, on a database where those have been made."""
        query = sa.select(journal.c.instance_key, sa.func.max(journal.c.sequence)).group_by(journal.c.instance_key)
        self.seen = {row[0]: row[1] for row in self.bpm.rows(query)}
        return [self._do(step) for step in self.spec["steps"][steps:]]

    def _do(self, step: dict[str, Any]) -> dict[str, Any]:
        action = getattr(self, f"_do_{step['do']}")
        return self.step(step, lambda: action(step))

    def step(self, step: dict[str, Any], action: Any) -> dict[str, Any]:
        outcome: dict[str, Any] = {"outcome": "ok"}
        try:
            action()
            if step["do"] != "deploy":
                self._deliver()
        except (BpmError, NoTarget) as error:
            outcome = {
                "outcome": "error",
                "error": {"kind": "other", "class": type(error).__name__, "message": str(error)},
            }
        return {"step": step, **outcome, **self._snapshot()}

    # --- steps ------------------------------------------------------------------------------------------

    def _deploy(self) -> None:
        files = [(name, (self.directory / name).read_bytes()) for name in self.spec["files"]]
        self.bpm.deploy(*files)

    def _deliver(self) -> None:
        """Signals and messages run by themselves; safe points only when the clock advances."""
        from bpm_server.worker import rounds

        rounds.run_until_idle(self.bpm.server, topics=("signals", "messages"))

    def _do_start(self, step: dict[str, Any]) -> None:
        process_instances.start_process(
            self.bpm.server,
            ADMIN,
            process_id=step["process"],
            variables=step.get("variables") or {},
            business_key=step.get("businessKey"),
        )

    def _task(self, step: dict[str, Any]) -> int:
        query = sa.select(user_task.c.key, user_task.c.instance_key).where(
            user_task.c.element_id == step["task"], user_task.c.state == "CREATED"
        )
        found = [row.key for row in self.bpm.rows(query.order_by(user_task.c.key)) if self._is(step, row.instance_key)]
        if len(found) <= step.get("nth", 0):
            raise NoTarget(step["task"])
        return int(found[step.get("nth", 0)])

    def _is(self, step: dict[str, Any], instance_key: int) -> bool:
        return step.get("instance") is None or self._numbers()[instance_key] == step["instance"]

    def _do_complete(self, step: dict[str, Any]) -> None:
        tasks.complete_task(self.bpm.server, ADMIN, self._task(step), step.get("variables") or {})

    def _do_external(self, step: dict[str, Any]) -> None:
        query = sa.select(job.c.key, job.c.instance_key, job.c.element_id).where(
            job.c.type == step["topic"], job.c.state.in_(("CREATED", "FAILED"))
        )
        found = [
            row
            for row in self.bpm.rows(query.order_by(job.c.key))
            if self._is(step, row.instance_key) and step.get("element") in (None, row.element_id)
        ]
        if len(found) <= step.get("nth", 0):
            raise NoTarget(step["topic"])
        key = found[step.get("nth", 0)].key
        server = self.bpm.server
        values = dict(step.get("variables") or {})
        if "error" in step:
            jobs.throw_job_error(server, ADMIN, key, step["error"], step.get("message"), values)
        elif "failure" in step:
            jobs.fail_job(server, ADMIN, key, retries=step.get("retries", 0), message=step["failure"])
        elif "setRetries" in step:
            self._set_retries(key, step["setRetries"])
        else:
            jobs.complete_job(server, ADMIN, key, values, local=step.get("localVariables") or {})

    def _set_retries(self, key: int, retries: int) -> None:
        from bpm_server.services import incidents

        jobs.update_job(self.bpm.server, ADMIN, key, retries=retries)
        for found in self.bpm.scalars(
            sa.select(incident.c.key).where(incident.c.job_key == key, incident.c.state == "ACTIVE")
        ):
            incidents.resolve_incident(self.bpm.server, ADMIN, found)

    def _do_message(self, step: dict[str, Any]) -> None:
        correlation.correlate(
            self.bpm.server,
            ADMIN,
            step["name"],
            business_key=step.get("businessKey"),
            match=step.get("match"),
            variables=step.get("variables"),
            everyone=bool(step.get("all")),
        )

    def _do_signal(self, step: dict[str, Any]) -> None:
        self.bpm.signal(step["name"], **(step.get("variables") or {}))

    def _do_advance(self, step: dict[str, Any]) -> None:
        from bpm_server.bpmn.timers import parse_duration

        now = self.bpm.clock.now()
        self.bpm.deliver(but=("audit-log", "history"))
        self.bpm.clock.advance(seconds=(parse_duration(step["by"]).after(now) - now).total_seconds())
        self.bpm.deliver(but=("audit-log", "history"))

    def _do_cancel(self, step: dict[str, Any]) -> None:
        by_number = {number: key for key, number in self._numbers().items()}
        process_instances.cancel_instance(self.bpm.server, ADMIN, by_number[step["instance"]])

    def _do_set(self, step: dict[str, Any]) -> None:
        by_number = {number: key for key, number in self._numbers().items()}
        key = by_number[step["instance"]]
        if step.get("scope"):
            query = sa.select(element_instance.c.key).where(
                element_instance.c.instance_key == key,
                element_instance.c.element_id == step["scope"],
                element_instance.c.state == "ACTIVE",
            )
            key = self.bpm.scalars(query.order_by(element_instance.c.key))[step.get("nth", 0)]
        process_instances.set_variables(self.bpm.server, ADMIN, key, step["variables"], local=bool(step.get("local")))

    def _do_taskError(self, step: dict[str, Any]) -> None:
        raise NoTarget("BPMN errors by the user task API are Camunda 7 only")

    # --- snapshot ---------------------------------------------------------------------------------------

    def _numbers(self) -> dict[int, int]:
        """Instances by order of creation."""
        keys = self.bpm.scalars(sa.select(process_instance.c.key).order_by(process_instance.c.key))
        return {key: number for number, key in enumerate(keys)}

    def _snapshot(self) -> dict[str, Any]:
        numbers = self._numbers()
        rows = self.bpm.rows(sa.select(*process_instance.columns).order_by(process_instance.c.key))
        return {
            "events": self._events(numbers),
            "instances": [self._instance(row, numbers) for row in rows],
            "startSubscriptions": self._starts(),
        }

    def _events(self, numbers: dict[int, int]) -> list[list[Any]]:
        result: list[list[Any]] = []
        for row in self.bpm.rows(sa.select(*journal.columns).order_by(journal.c.instance_key, journal.c.sequence)):
            if row.sequence <= self.seen.get(row.instance_key, 0):
                continue
            self.seen[row.instance_key] = row.sequence
            gateways = self._event_gateways(row.instance_key)
            for event in json.loads(row.events):
                if event[0] == ">" and not event[1].startswith(gateways):
                    result.append([numbers[row.instance_key], "take", event[1]])
        return result

    def _event_gateways(self, key: int) -> tuple[str, ...]:
        """Starts of flow ids out of event-based gateways: Camunda 7 books no such flow."""
        query = sa.select(element_instance.c.element_id).where(
            element_instance.c.instance_key == key, element_instance.c.type == "eventBasedGateway"
        )
        return tuple(f"f_{name}_" for name in self.bpm.scalars(query)) or ("-",)

    def _instance(self, row: Any, numbers: dict[int, int]) -> dict[str, Any]:
        elements = self.bpm.rows(
            sa.select(*element_instance.columns).where(element_instance.c.instance_key == row.key)
            .order_by(element_instance.c.key)
        )  # fmt: skip
        names = {e.key: _name(e) for e in elements}
        names[row.key] = row.process_id
        running = {e.key for e in elements if e.state == "ACTIVE"}
        values = self.bpm.rows(
            sa.select(*variable.columns).where(variable.c.instance_key == row.key).order_by(variable.c.key)
        )
        scopes: dict[int, dict[str, Any]] = {}
        for value in values:
            scopes.setdefault(value.scope_key, {})[value.name] = _plain(json.loads(value.value))
        parent = row.parent_key
        return {
            "instance": numbers[row.key],
            "process": row.process_id,
            "businessKey": row.business_key,
            "state": row.state,
            "calledBy": None if parent is None else {"instance": numbers[parent], "id": self._caller(row)},
            "userTasks": self._tasks(row.key),
            "externalTasks": self._jobs(row.key),
            "activities": [
                {
                    "id": _name(e),
                    "type": TYPES.get(e.type, e.type),
                    "state": _state(e),
                    "parent": names.get(e.scope_key, "?"),
                }
                for e in elements
                if e.element_id not in self._links
            ],
            "variables": scopes.get(row.key, {}),
            "localVariables": [
                {"scope": names[e.key], "vars": part}
                for e in elements
                if e.key in running and e.key in scopes
                for part in _split(e, scopes[e.key])
            ],
            "incidents": [
                {"id": i.element_id, "type": i.kind}
                for i in self.bpm.rows(
                    sa.select(*incident.columns).where(incident.c.instance_key == row.key, incident.c.state == "ACTIVE")
                )
            ],
            "subscriptions": [
                {"type": s.kind, "name": s.name, "id": s.event_id}
                for s in self.bpm.rows(sa.select(*subscription.columns).where(subscription.c.instance_key == row.key))
            ],
            "timers": self._timers(row.key),
        }

    def _caller(self, row: Any) -> str:
        found = self.bpm.scalars(
            sa.select(element_instance.c.element_id).where(element_instance.c.key == row.parent_element_key)
        )
        return str(found[0])

    def _tasks(self, key: int) -> list[dict[str, Any]]:
        query = sa.select(user_task.c.element_id).where(user_task.c.instance_key == key, user_task.c.state == "CREATED")
        return [{"id": name, "count": count} for name, count in sorted(Counter(self.bpm.scalars(query)).items())]

    def _jobs(self, key: int) -> list[dict[str, Any]]:
        query = sa.select(job.c.element_id, job.c.type, job.c.state).where(
            job.c.instance_key == key, job.c.state.in_(("CREATED", "FAILED")), job.c.kind == "element"
        )
        found = Counter(
            (r.element_id, r.type, "failed" if r.state == "FAILED" else "open") for r in self.bpm.rows(query)
        )
        return [{"id": i, "topic": t, "state": s, "count": n} for (i, t, s), n in sorted(found.items())]

    def _timers(self, key: int) -> list[dict[str, Any]]:
        now = self.bpm.clock.now()
        query = sa.select(timer.c.event_id, timer.c.due_at).where(timer.c.instance_key == key)
        return [{"id": t.event_id, "dueIn": round((t.due_at - now).total_seconds())} for t in self.bpm.rows(query)]

    def _starts(self) -> list[dict[str, Any]]:
        now = self.bpm.clock.now()
        waits = self.bpm.rows(sa.select(*subscription.columns).where(subscription.c.instance_key.is_(None)))
        found = [{"type": s.kind, "name": s.name, "id": s.event_id} for s in waits]
        due = self.bpm.rows(sa.select(*timer.columns).where(timer.c.instance_key.is_(None)))
        return found + [
            {"type": "timer", "id": t.event_id, "dueIn": round((t.due_at - now).total_seconds())} for t in due
        ]


def _name(element: Any) -> str:
    return f"{element.element_id}#multiInstanceBody" if element.type == "multiInstanceBody" else str(element.element_id)


def _state(element: Any) -> str:
    """Camunda 7 books an event-based gateway as canceled when one of its events came."""
    return "canceled" if (element.type, element.state) == ("eventBasedGateway", "COMPLETED") else STATES[element.state]


def _split(element: Any, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Camunda 7 keeps a sub-process's loop variables in a scope of their own around its inputs."""
    if element.type != "subProcess" or "loopCounter" not in values:
        return [values]
    names = list(values)
    loop = set(names[: names.index("loopCounter") + 2]) if names[0] == "loopCounter" else {"loopCounter"}
    parts = [{k: x for k, x in values.items() if k in loop}, {k: x for k, x in values.items() if k not in loop}]
    return [part for part in parts if part]


def _plain(value: Any) -> Any:
    """Decimals as the golden traces have them."""
    return plain_json.loads(json.dumps(value))


def run(directory: Path | str) -> dict[str, Any]:
    """Runs one scenario; the result is shaped like its ``golden.json``."""
    memory = Path("/dev/shm")  # what is durable is not what is tested here
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        return Scenario(Path(directory), Path(folder)).run()
