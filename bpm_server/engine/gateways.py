"""Gateways. A join is one waiting token per scope that counts what arrived on each flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bpm_server.domain import events
from bpm_server.engine.element import Edge, Element
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.token import WAITING, Phase, Token
from bpm_server.kernel import json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpm_server.engine.instance import Instance


class ExclusiveGateway(Element):
    """The first flow whose condition is true, in document order; else the default."""

    def choose(self, token: Token) -> tuple[Edge, ...]:
        """One flow.

        Raises:
            Stuck: no condition is true and there is no default.
        """
        if len(self.edges) == 1 and self.edges[0].condition is None:
            return self.edges
        for edge in self.edges:
            if edge is not self.default_edge and (edge.condition is None or self.holds(edge, token)):
                return (edge,)
        return self.fall_back() if self.edges else ()


class Join(Element):
    """Base of the gateways that wait for several flows."""

    flow_ids: tuple[str, ...] = ()

    def arrive(self, instance: Instance, edge: Edge, scope: Token) -> None:
        """Counts the token; the waiting one fires when it may."""
        if len(self.flow_ids) < 2:
            instance.enter(self, scope)
            return
        waiting = instance.joins.get((scope.id, self.name))
        if waiting is None:
            waiting = self._wait(instance, scope, {})
        counts = waiting.recall("counts")
        waiting.remember("counts", {**counts, edge.id: counts.get(edge.id, 0) + 1})
        self.counted(waiting)

    def _wait(self, instance: Instance, scope: Token, counts: dict[str, int]) -> Token:
        token = Token(instance, self, scope, instance.new_key())
        token._set_state(WAITING)
        token.remember("counts", counts)
        instance.joins[scope.id, self.name] = token
        instance.announce(token)
        token.phase = Phase.INPUTS
        return token

    def counted(self, token: Token) -> None:
        """A token arrived."""

    def fire(self, token: Token) -> None:
        """Takes one token of each filled flow; the rest waits for the next turn."""
        instance, scope = token.workflow, token.scope
        counts: dict[str, int] = token.recall("counts")
        rest = {flow: count - 1 for flow, count in counts.items() if count > 1}
        token.remember("counts", None)
        del instance.joins[scope.id, self.name]
        token._ready()
        if rest:
            self.counted(self._wait(instance, scope, rest))


class ParallelGateway(Join):
    """Waits for a token on every flow, then sends one over each outgoing flow."""

    def counted(self, token: Token) -> None:
        """Fires when no flow is empty."""
        if len(token.recall("counts")) == len(self.flow_ids):
            self.fire(token)


class InclusiveJoin(Join):
    """Waits as long as another token could still arrive on an empty flow.

    Attributes:
        reaches: For each incoming flow, the elements of the scope from which a token can get to it without
            passing this gateway.

    Source: BPMN 2.0.2, 13.4.3.
    """

    reaches: Mapping[str, frozenset[str]]

    def can_fire(self, token: Token) -> bool:
        """Whether no other token of the scope can still get to an empty flow (and to no filled one)."""
        filled = token.recall("counts")
        empty = [self.reaches[flow] for flow in self.flow_ids if flow not in filled]
        full = [self.reaches[flow] for flow in filled]
        for other in token.scope.children:
            at = other.task_spec.element_id
            if other is not token and any(at in reach for reach in empty) and not any(at in r for r in full):
                return False
        return True

    def choose(self, token: Token) -> tuple[Edge, ...]:
        """Every flow whose condition is true or missing; else the default.

        Raises:
            Stuck: nothing can be chosen.
        """
        if len(self.edges) < 2 and not any(edge.condition for edge in self.edges):
            return self.edges
        chosen = tuple(
            edge
            for edge in self.edges
            if edge is not self.default_edge and (edge.condition is None or self.holds(edge, token))
        )
        return chosen or self.fall_back()


class EventBasedGateway(Element):
    """Waits for the first of several events."""

    def work(self, token: Token) -> bool:
        """Its catches are open already."""
        if not self.catches:
            message = f"Expected events behind gateway '{self.element_id}', but found none"
            raise Stuck("EXTRACT_VALUE_ERROR", message)
        return False

    def leave_by(self, token: Token, target: Element, values: Mapping[str, Any]) -> None:
        """The event ``target`` came first."""
        token.remember("chosen", target.element_id)
        token.remember("values", json.dumps(values) if values else None)
        self.finish(token, {})

    def choose(self, token: Token) -> tuple[Edge, ...]:
        """The flow to the event that came."""
        return tuple(edge for edge in self.edges if edge.target.element_id == token.recall("chosen"))

    def completed(self, token: Token) -> None:
        instance, scope = token.workflow, token.scope
        instance.emit(events.ElementCompleted(token.id))
        self.ended(token)
        text = token.recall("values")
        for edge in token.chosen or ():
            instance.emit(events.FlowTaken(edge.id))
            arrived = instance.enter(edge.target, scope)
            arrived.remember("arrived", 1)
            edge.target.take_results(arrived, {} if text is None else json.loads(text))
        token.chosen = None
