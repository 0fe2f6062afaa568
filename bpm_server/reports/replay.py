"""Runs a past case again from its journal: the same commands on the same version must cause the same events.

Nothing is written. Keys that a step draws are new; they are compared by the place where they first occur.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from bpm_server import engine
from bpm_server.domain import commands, events
from bpm_server.kernel import json
from bpm_server.kernel.errors import NotFound
from bpm_server.store.cluster_variables import outer_at
from bpm_server.store.large_values import fill_rows
from bpm_server.store.moments import read_moment
from bpm_server.store.tables.history import journal
from bpm_server.store.tables.instances import process_instance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from bpm_server.bpmn.values import Variables
    from bpm_server.engine.outcome import DecisionOutcome
    from bpm_server.services.server import Server

FIRST_KEY = 1 << 62
"""Keys of a replay begin here, above all real ones."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event of a step that came out otherwise; None where one side has no more."""

    sequence: int
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay gave: how many steps were run, and the first event that came out otherwise."""

    steps: int
    difference: Difference | None


def replay(server: Server, instance_key: int) -> Replay:
    """Replays an instance on its own version of process and decisions.

    Raises:
        NotFound: there is no such instance.
    """
    with server.database.read() as connection:
        moment = read_moment(connection)
        found = connection.execute(
            sa.select(process_instance.c.process_definition_key, process_instance.c.business_key).where(
                process_instance.c.key == instance_key
            )
        ).first()
        if found is None:
            message = f"Expected to find process instance '{instance_key}', but there is none"
            raise NotFound(message)
        steps = _steps(connection, instance_key)
        begun_by = _first_definition(steps) or found.process_definition_key
        compiled = server.definitions.process(connection, moment.definition_version, begun_by)
        running = _Replaying(server, connection, moment.definition_version, compiled.definition)
        running.business_key = found.business_key
        for number, step in enumerate(steps, 1):
            difference = running.step(step)
            if difference is not None:
                return Replay(number, difference)
    return Replay(len(steps), None)


def _steps(connection: Connection, instance_key: int) -> list[SimpleNamespace]:
    query = sa.select(*journal.columns).where(journal.c.instance_key == instance_key).order_by(journal.c.sequence)
    found = [dict(row) for row in connection.execute(query).mappings()]
    fill_rows(connection, instance_key, found)
    return [SimpleNamespace(**row) for row in found]


def _first_definition(steps: Sequence[SimpleNamespace]) -> int | None:
    """The definition that an instance followed before its first migration; None where it has not been migrated."""
    tag = commands.MigrateInstance.__struct_config__.tag
    for step in steps:
        command = json.loads(step.command)
        if command[0] == tag:
            return msgspec.convert(command, commands.MigrateInstance).source_key
    return None


class _Replaying:
    def __init__(self, server: Server, connection: Connection, version: int, definition: engine.Definition) -> None:
        self._server = server
        self._connection = connection
        self._version = version
        self._definition = definition
        self._numbers = itertools.count(FIRST_KEY)
        self._to_new: dict[int, int] = {}
        self._instance: engine.Instance | None = None
        self.business_key: str | None = None

    def step(self, row: SimpleNamespace) -> Difference | None:
        recorded: list[Any] = json.loads(row.events)
        decisions = _RecordedDecisions(self, recorded)
        context = engine.Context(
            row.at,
            lambda: next(self._numbers),
            decisions,
            self._server.limits,
            self.business_key,
            outer_at(self._connection, row.cluster_variable_version),
            self._server.settings.zone(),
        )
        command = json.loads(row.command)
        if self._instance is None:
            started = msgspec.convert(command, commands.StartInstance)
            outcome = engine.start(self._definition, started, context)
        else:
            outcome = self._advance(self._instance, command, context)
        self._instance = outcome.instance
        return self._compare(row.sequence, recorded, json.loads(json.dumps(outcome.events)))

    def _advance(self, instance: engine.Instance, command: list[Any], context: engine.Context) -> engine.Outcome:
        if command[0] != commands.MigrateInstance.__struct_config__.tag:
            return engine.advance(instance, msgspec.convert(self._translate(command), commands.AnyCommand), context)
        migration = msgspec.convert(command, commands.MigrateInstance)
        target = self._server.definitions.process(self._connection, self._version, migration.target_key)
        return engine.migrate(instance, target.definition, migration, context)

    def _translate(self, value: Any) -> Any:
        """A recorded value with the keys of the replay."""
        if type(value) is int:
            return self._to_new.get(value, value)
        if isinstance(value, list):
            return [self._translate(item) for item in value]
        return value

    def _compare(self, sequence: int, recorded: list[Any], replayed: list[Any]) -> Difference | None:
        for old, new in itertools.zip_longest(recorded, replayed):
            if not self._same(old, new):
                return Difference(sequence, old, new)
        return None

    def _same(self, old: Any, new: Any) -> bool:
        """Equal, where a key of the replay stands for the recorded key at the same place."""
        if type(new) is int and new >= FIRST_KEY and type(old) is int:
            return self._to_new.setdefault(old, new) == new
        if isinstance(old, list) and isinstance(new, list):
            return len(old) == len(new) and all(map(self._same, old, new))
        return bool(old == new)

    def decide(self, decision_key: int, variables: Variables, now: datetime) -> DecisionOutcome | None:
        """Evaluates exactly the version that was evaluated then."""
        found = self._server.definitions.find_decision(self._connection, self._version, key=decision_key)
        if found is None:
            return None
        row, model = found
        return engine.decide(row, model, variables, now)


class _RecordedDecisions:
    """Gives each business rule task the decision version that it used when it was recorded."""

    def __init__(self, replaying: _Replaying, recorded: list[Any]) -> None:
        tag = events.DecisionEvaluated.__struct_config__.tag
        self._replaying = replaying
        self._keys = iter([event[4] for event in recorded if event[0] == tag])

    def evaluate(
        self, decision_id: str, binding: str, version: str | None, variables: Variables, now: datetime
    ) -> DecisionOutcome | None:
        """See ``engine.outcome.Decisions``."""
        del decision_id, binding, version
        key = next(self._keys, None)
        return None if key is None else self._replaying.decide(key, variables, now)
