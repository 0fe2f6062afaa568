"""Multi-instance: a body that keeps counts, and one inner activity per item.

Each parallel item keeps its state in a chunk of its own and each output is an event, so that finishing one item
costs the same however many there are. The outputs are read once, when the last item is done or a condition ends
the rest.

Source: Camunda 8 documentation, "Multi-instance"; Camunda 7 names its counters ``nrOf...`` and counts from 0.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.element import Element
from bpm_server.engine.outcome import ChunkNeeded, Stuck
from bpm_server.engine.token import Phase, Token

if TYPE_CHECKING:
    from bpm_server.bpmn.model import Loop, Node
    from bpm_server.engine.definition import Definition


class MultiInstance(Element):
    """The body around the items of one multi-instance activity.

    Facts of its token: ``n`` items, ``done`` of them, ``gone`` (terminated by hand), ``next`` index (sequential),
    ``ended`` by condition.
    """

    item: Element

    def __init__(self, definition: Definition, node: Node, loop: Loop) -> None:
        super().__init__(definition, node.id, node)
        self.loop = loop
        self.type_name = "multiInstanceBody"
        self.input_mappings = self.output_mappings = ()
        self.start_listeners = self.end_listeners = ()

    # --- begin ------------------------------------------------------------------------------------------

    def work(self, token: Token) -> bool:
        """Counts the items and starts all of them, or the first."""
        count = self._count(token)
        limit = token.workflow.context.limits.items
        if count > limit:
            message = f"Expected at most {limit} items in multi-instance '{self.element_id}', but found {count}"
            raise Stuck("EXECUTION_LIMIT", message)
        token.remember("n", count)
        token.remember("done", 0)
        if self.loop.output_collection is not None:
            token.workflow.outputs[token.id] = {}
            token.data = {**(token.data or {}), self.loop.output_collection: v.Gathering(token)}
        if not count:
            self._write_collection(token)
            return True
        token.phase = Phase.WAITING
        items = None if self.loop.collection is None else self._collection(token)
        for index in range(1 if self.loop.sequential else count):
            self._start(token, index, items)
        token.remember("next", 1 if self.loop.sequential else count)
        return False

    def _count(self, token: Token) -> int:
        loop = self.loop
        if loop.collection is not None:
            return len(self._collection(token))
        if loop.cardinality is None:
            return 0
        value = v.evaluate(loop.cardinality, token, "loop cardinality", "EXTRACT_VALUE_ERROR")
        try:
            number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
        except ArithmeticError:
            number = Decimal("NaN")
        if number.is_nan() or number != number.to_integral_value() or number < 0:
            message = f"Expected loop cardinality '{loop.cardinality.source}' to be a whole number, but found {value!r}"
            raise Stuck("EXTRACT_VALUE_ERROR", message)
        return int(number)

    def _collection(self, token: Token) -> list[Any]:
        assert self.loop.collection is not None  # noqa: S101
        found: list[Any] = v.evaluate_as(
            "a list", list, self.loop.collection, token.scope, "input collection", "EXTRACT_VALUE_ERROR"
        )
        return found

    def _start(self, token: Token, index: int, items: list[Any] | None) -> None:
        item = token.workflow.enter(self.item, token, item=not self.loop.sequential)
        values: dict[str, Any] = {"loopCounter": index + self.definition.counts_from}
        if self.loop.element is not None and items is not None:
            what = f"item {index + 1} of '{self.element_id}'"
            values[self.loop.element] = v.to_json(items[index], what, "EXTRACT_VALUE_ERROR")
        own = v.output_name(self.loop.output_element) if self.definition.dialect == "camunda8" else None
        if own is not None:
            values.setdefault(own, None)
        item.remember("index", index)
        v.set_local(item, values)

    # --- one item done ----------------------------------------------------------------------------------

    def collect(self, body: Token, item: Token) -> None:
        """An item ends: keeps its output; may end the rest.

        Raises:
            Stuck: output element or completion condition cannot be evaluated; the item stays.
        """
        output = None
        if self.loop.output_element is not None:
            what = f"output of '{self.element_id}'"
            output = v.to_json(
                v.evaluate(self.loop.output_element, item, what, "EXTRACT_VALUE_ERROR"),
                what,
                "EXTRACT_VALUE_ERROR",
            )
        instance, index = body.workflow, item.recall("index")
        gathers = self.loop.output_collection is not None
        if gathers and body.id not in instance.unloaded:
            instance.outputs[body.id][index] = output  # the condition sees it
        done = body.recall("done") + 1
        ended = self.loop.completion_condition is not None and self._is_complete(body, item, done)
        if gathers:
            instance.emit(events.ItemFinished(body.id, index, item.id, output))
        body.remember("done", done)
        if ended:
            body.remember("ended", 1)

    def _is_complete(self, body: Token, item: Token, done: int) -> bool:
        count, gone = body.recall("n"), body.recall("gone") or 0
        active = 1 if self.loop.sequential else count - done - gone
        counters: dict[str, Any]
        if self.definition.dialect == "camunda8":
            counters = {
                "numberOfInstances": count,
                "numberOfActiveInstances": active,
                "numberOfCompletedInstances": done,
                "numberOfTerminatedInstances": gone,
            }
        else:
            counters = {"nrOfInstances": count, "nrOfActiveInstances": active, "nrOfCompletedInstances": done}
        condition = self.loop.completion_condition
        assert condition is not None  # noqa: S101
        result: bool = v.evaluate_as(
            "true or false", bool, condition, item, "completion condition", "EXTRACT_VALUE_ERROR", counters
        )
        return result

    def child_left(self, scope: Token) -> None:
        """Starts the next item, or ends the body."""
        if scope.phase != Phase.WAITING:
            return
        count, done = scope.recall("n"), scope.recall("done")
        if done + (scope.recall("gone") or 0) < count and not scope.recall("ended"):
            if self.loop.sequential:
                self._start_next(scope)
            return
        instance = scope.workflow
        if scope.id in instance.unloaded and (scope.recall("ended") or self.loop.output_collection is not None):
            raise ChunkNeeded
        for child in scope.children:
            instance.terminate(child)
        if scope.children:
            return  # what lingers comes back here when it has ended
        self._write_collection(scope)
        scope.phase = Phase.OUTPUTS
        instance.wake(scope)

    def _start_next(self, scope: Token) -> None:
        index = scope.recall("next")
        try:
            items = None if self.loop.collection is None else self._collection(scope)
            if items is not None and index >= len(items):
                message = f"Expected item {index + 1} in the input collection of '{self.element_id}', but it has shrunk"
                raise Stuck("EXTRACT_VALUE_ERROR", message)
            self._start(scope, index, items)
        except Stuck as stuck:
            scope.workflow.raise_incident(scope, stuck.kind, stuck.message)
            return
        scope.remember("next", index + 1)

    def retry(self, token: Token) -> None:
        """After an incident between two items, or of the body itself."""
        if token.phase == Phase.WAITING:
            self.child_left(token)
        else:
            super().retry(token)

    def _write_collection(self, token: Token) -> None:
        name = self.loop.output_collection
        if name is None:
            return
        instance = token.workflow
        gathered = instance.gathered(token)
        instance.outputs.pop(token.id, None)
        assert token.data is not None  # noqa: S101
        del token.data[name]
        instance.emit(events.ItemsGathered(token.id))
        v.propagate(token.scope, {name: gathered})

    def terminated(self, token: Token) -> None:
        instance = token.workflow
        if self.loop.output_collection is not None:
            instance.outputs.pop(token.id, None)
            instance.emit(events.ItemsGathered(token.id))
        super().terminated(token)
