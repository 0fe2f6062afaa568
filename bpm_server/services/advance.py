"""Advancing instances: load -> engine -> rows. What one step causes elsewhere in the call tree follows at once.

A step may call another process, end one that somebody called, let an error escape to the caller, or open a
subscription for which a message is already waiting: each is another step in the same transaction, on the same
lock (the outermost caller's row).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from bpm_server import engine
from bpm_server.bpmn.model import MessageEvent
from bpm_server.domain import commands as c
from bpm_server.domain.lasting import lasting
from bpm_server.domain.retention import removal_time
from bpm_server.domain.states import InstanceState, JobState
from bpm_server.domain.suspension import waits_until_resumed
from bpm_server.engine.state import changes, token_keys
from bpm_server.kernel import json, metrics
from bpm_server.kernel.errors import WrongState
from bpm_server.services.bindings import DeployedDecisions
from bpm_server.services.reactions import REACTIONS
from bpm_server.store import instances as store
from bpm_server.store import suspension
from bpm_server.store.apply import record
from bpm_server.store.batch import InstanceRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from bpm_server.bpmn.model import Node
    from bpm_server.domain.property_values import Values
    from bpm_server.services.definitions import CompiledProcess
    from bpm_server.services.transaction import Transaction

MAX_STEPS = 10_000
"""Steps of one command over all instances of its call tree."""


class Advance:
    """The steps of one command."""

    def __init__(self, tx: Transaction, stored: dict[int, store.StoredTokens] | None = None) -> None:
        """Begins; ``stored``: tokens of instances (items apart) that were read under their locks already."""
        self.tx = tx
        self._stored = stored or {}
        self._pending: deque[Callable[[], None]] = deque()
        self._steps = 0
        self._results: dict[int, dict[str, Any]] = {}

    # --- entry points -----------------------------------------------------------------------------------

    def start(
        self,
        compiled: CompiledProcess,
        command: c.StartInstance,
        *,
        caller: tuple[InstanceRow, int, int] | None = None,
        tags: str | None = None,
    ) -> InstanceRow:
        """Starts an instance.

        Args:
            compiled: The process.
            command: How it starts.
            caller: Instance, element and chunk of the call activity that waits for it.
            tags: JSON list of tags.
        """
        parent = None if caller is None else caller[0]
        # The journal says all that the row holds.
        command = msgspec.structs.replace(command, process_definition_key=compiled.row.key, tags=tags)
        row = InstanceRow(
            key=command.key,
            process_definition_key=compiled.row.key,
            process_id=compiled.row.process_id,
            version=compiled.row.version,
            state=InstanceState.ACTIVE,
            lock_version=0,
            root_key=command.key if parent is None else parent.root_key,
            parent_key=None if parent is None else parent.key,
            parent_element_key=None if caller is None else caller[1],
            parent_chunk=None if caller is None else caller[2],
            depth=0 if parent is None else parent.depth + 1,
            business_key=command.business_key,
            incidents=0,
            started_at=self.tx.now,
            started_by=self.tx.actor.username,
            tags=tags,
            is_new=True,
        )
        if caller is None:
            self._pending.append(lambda: self._begin(row, compiled, command))
            self.drain()
        else:
            self.later(caller, lambda: self._begin(row, compiled, command))
        return row

    def _begin(self, row: InstanceRow, compiled: CompiledProcess, command: c.StartInstance) -> None:
        outcome = engine.start(compiled.definition, command, self._context(row, compiled))
        self._record(row, command, outcome)

    def run(self, row: InstanceRow, command: c.AnyCommand) -> None:
        """Applies a command to a locked instance and everything that follows from it."""
        self._pending.append(lambda: self.step(row, command))
        self.drain()

    def migrate(self, row: InstanceRow, command: c.MigrateInstance, target: CompiledProcess) -> None:
        """Lets a locked instance go on by another definition, and what follows from that."""
        outcome = engine.migrate(self.whole(row), target.definition, command, self._context(row, target))
        self._record(row, command, outcome)
        self.drain()

    def follow(self, row: InstanceRow, command: c.AnyCommand) -> None:
        """Lets a step follow in the same transaction, unless one before it ends what it is for."""
        chunk: int = getattr(command, "chunk", 0)
        self.later((row, getattr(command, "element_key", row.key), chunk), lambda: self.step(row, command))

    def later(self, place: tuple[InstanceRow, int, int], act: Callable[[], None]) -> None:
        """Lets something follow, unless by then the place that it is for has ended: instance, element, chunk."""

        def act_if_active() -> None:
            if self._is_active(*place):
                act()

        self._pending.append(act_if_active)

    def _is_active(self, row: InstanceRow, element_key: int, chunk: int) -> bool:
        if row.ended_at is not None:
            return False
        token = self.peek(row, chunk).tasks.get(element_key)
        return token is not None and not token.has_ended()

    def result(self, row: InstanceRow) -> dict[str, Any] | None:
        """Process variables at the end, if the instance ended in this command."""
        return self._results.get(row.key)

    def has_ended(self, row: InstanceRow) -> bool:
        """Whether the instance ended in this command."""
        return row.key in self._results

    # --- steps ------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Runs the steps that follow, until none is left."""
        while self._pending:
            step = self._pending.popleft()
            self._steps += 1
            if self._steps > MAX_STEPS:
                message = f"Expected at most {MAX_STEPS} steps over all called processes, but found more"
                raise WrongState(message)
            step()

    def step(self, row: InstanceRow, command: c.AnyCommand) -> None:
        """Applies a command; what follows waits for its turn."""
        if row.ended_at is not None:
            message = f"Expected process instance '{row.key}' to be active, but it is {row.state}"
            raise WrongState(message)
        if row.suspended and waits_until_resumed(command, row.key):
            self._defer(row, command)
            return
        compiled = self._compiled(row)
        context = self._context(row, compiled)
        chunk: int | None = getattr(command, "chunk", None)
        instance = self._live(row, compiled, chunk)
        try:
            outcome = engine.advance(instance, command, context)
        except engine.ChunkNeeded:
            instance = self._load(row, compiled, None)
            outcome = engine.advance(instance, command, context)
        self._record(row, command, outcome)

    def _defer(self, row: InstanceRow, command: c.AnyCommand) -> None:
        """Keeps a command for a suspended instance; what a worker has done counts as done."""
        suspension.defer(self.tx.connection, self.tx.server.new_key(), row.key, json.dumps(command))
        if isinstance(command, c.CompleteJob):
            self.tx.batch.end_job(command.element_key, JobState.COMPLETED, denied=command.denied, reason=command.reason)
        elif isinstance(command, c.Continue):
            self.tx.batch.end_job(command.element_key, JobState.COMPLETED)

    def _record(self, row: InstanceRow, command: c.AnyCommand, outcome: engine.Outcome) -> None:
        metrics.STEPS.inc()
        changed = changes(outcome.instance)
        record(self.tx.batch, row, command, outcome.events, changed.written, changed.dropped)
        if outcome.finished:
            self.tx.wake("instances")
            self.tx.live.pop(row.key, None)
            self._results[row.key] = outcome.variables
            if row.parent_key is None:
                own = outcome.instance.definition.process.history_time_to_live
                row.removal_at = removal_time(self.tx.now, own, self.tx.server.settings.history_days)
            if any(isinstance(node.event, MessageEvent) for node in outcome.instance.definition.process.starts()):
                self.tx.batch.ended_message_starts.append(row.key)
                self.tx.wake("messages")
        else:
            self.tx.live[row.key] = outcome.instance
        for event in lasting(outcome.events):
            reaction = REACTIONS.get(type(event))
            if reaction is not None:
                reaction(self, row, event)
        if outcome.finished and row.state == InstanceState.COMPLETED and row.parent_key is not None:
            command = c.CompleteCall(row.parent_element_key or 0, outcome.variables, row.parent_chunk or 0)
            self.follow(self.instance_row(row.parent_key), command)

    def instance_row(self, key: int) -> InstanceRow:
        """An instance of the locked call tree."""
        row = self.tx.batch.instances.get(key)
        return store.read_instance(self.tx.connection, key) if row is None else row

    def deployment_key(self, row: InstanceRow) -> int:
        """The deployment of the instance's definition."""
        return self._compiled(row).row.deployment_key

    def node_of(self, row: InstanceRow, element_id: str) -> Node:
        """An element as it is drawn."""
        return self._compiled(row).definition.process.nodes[element_id]

    def has_approvals(self, row: InstanceRow) -> bool:
        """Whether user tasks of an instance are approval nodes."""
        return self._compiled(row).has_approvals

    def has_clocks(self, row: InstanceRow) -> bool:
        """Whether tasks of the instance may have service levels."""
        return self._compiled(row).has_clocks

    def called_by(self, row: InstanceRow, element_key: int) -> list[InstanceRow]:
        """Active instances that a call activity waits for."""
        known = self.tx.batch.instances
        stored = store.children(self.tx.connection, row.key, element_key)
        found = {other.key: other for other in stored if other.key not in known}
        found.update({other.key: other for other in known.values() if other.parent_element_key == element_key})
        return [other for other in found.values() if other.ended_at is None]

    def peek(self, row: InstanceRow, chunk: int) -> engine.Instance:
        """The live instance of a row, to look at only."""
        instance = self._live(row, self._compiled(row), chunk)
        self.tx.live[row.key] = instance
        self.tx.batch.instances.setdefault(row.key, row)
        return instance

    def seen_at(self, row: InstanceRow, key: int, chunk: int) -> Values:
        """Gives variables of some names that an element of a row sees, in the midst of a step."""
        return lambda names: self.peek(row, chunk).visible_values(key, names.__contains__)

    def look(self, row: InstanceRow, chunk: int) -> engine.Instance:
        """The live instance of a locked row before the step that may follow; for this command, no step yet."""
        instance = self._live(row, self._compiled(row), chunk)
        self.tx.live[row.key] = instance
        self.tx.looked_at[row.key] = row
        return instance

    def whole(self, row: InstanceRow) -> engine.Instance:
        """The live instance of a locked row with all its items; no step has been made on it in this command."""
        compiled = self._compiled(row)
        instance = self._live(row, compiled, None)
        return self._load(row, compiled, None) if instance.unloaded else instance

    def on_trial(self, row: InstanceRow) -> tuple[engine.Instance, engine.Context]:
        """A copy of a locked instance to try a step on, and what the step needs; nothing of it is recorded."""
        return engine.copy_of(self.whole(row)), self._context(row, self._compiled(row))

    def _compiled(self, row: InstanceRow) -> CompiledProcess:
        tx = self.tx
        return tx.server.definitions.process(tx.connection, tx.moment.definition_version, row.process_definition_key)

    def _context(self, row: InstanceRow, compiled: CompiledProcess) -> engine.Context:
        tx = self.tx
        return engine.Context(
            now=tx.now,
            new_key=tx.server.new_key,
            decisions=DeployedDecisions(tx, compiled.row.deployment_key),
            limits=tx.server.limits,
            business_key=row.business_key,
            outer=tx.outer_variables,
            zone=tx.server.settings.zone(),
        )

    def _live(self, row: InstanceRow, compiled: CompiledProcess, chunk: int | None) -> engine.Instance:
        """The live instance: of this command, from memory, or from the database."""
        instance = self.tx.live.pop(row.key, None)
        if instance is None:
            instance = self.tx.server.hot.take(row.key, row.lock_version)
        if instance is not None and (not instance.unloaded or not chunk or chunk in instance.tasks):
            return instance
        return self._load(row, compiled, chunk)

    def _load(self, row: InstanceRow, compiled: CompiledProcess, chunk: int | None) -> engine.Instance:
        if self.tx.batch.has_steps(row.key):
            self.tx.write_so_far()
        stored = self._stored.pop(row.key, None) if chunk == 0 else None
        version, root = row.tokens_read or (0, None)
        if version != row.lock_version:
            root = None
        stored = stored or store.load_tokens(self.tx.connection, row.key, token_keys, chunk, root=root)
        return engine.load(
            compiled.definition,
            engine.Stored(stored.root, stored.chunks, stored.complete, stored.variables, stored.outputs),
        )
