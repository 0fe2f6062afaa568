"""Subscriptions: opening what an element waits for, ending it, and what happens when it comes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bpm_server import feel
from bpm_server.bpmn import timers
from bpm_server.bpmn.model import ConditionalEvent, MessageEvent, SignalEvent, TimerEvent
from bpm_server.domain import events
from bpm_server.engine import variables as v
from bpm_server.engine.outcome import Stuck
from bpm_server.engine.token import Phase
from bpm_server.kernel import json
from bpm_server.kernel.errors import InvalidInput, WrongState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from bpm_server.domain.commands import FireTimer
    from bpm_server.engine.definition import Catch
    from bpm_server.engine.instance import Instance
    from bpm_server.engine.token import Token

SUBSCRIBED = (MessageEvent, SignalEvent, ConditionalEvent)


class Waiting:
    """What the tokens of one instance wait for."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    # --- open and close ---------------------------------------------------------------------------------

    def open(self, token: Token, catches: Iterable[Catch]) -> None:
        """Opens all or nothing.

        Raises:
            Stuck: a name, key or time cannot be evaluated.
        """
        opened = [self._event(token, catch) for catch in catches]
        for event in opened:
            if event is not None:
                self._instance.emit(event)
        if any(isinstance(catch.event, ConditionalEvent) for catch in catches):
            self._instance.conditions.opened(token)

    def _event(self, token: Token, catch: Catch) -> events.Event | None:
        event = catch.event
        if isinstance(event, TimerEvent):
            return self._schedule(token, catch, event)
        if isinstance(event, MessageEvent):
            name = v.text(event.name, token, "message name")
            key = None if event.correlation_key is None else self._correlation_key(token, catch, event)
            return self._subscription(token, catch, "message", name, key)
        if isinstance(event, SignalEvent):
            return self._subscription(token, catch, "signal", v.text(event.name, token, "signal name"), None)
        if isinstance(event, ConditionalEvent):
            return self._subscription(token, catch, "condition", "", None)
        return None

    def _subscription(
        self, token: Token, catch: Catch, kind: str, name: str, key: str | None
    ) -> events.SubscriptionOpened:
        return events.SubscriptionOpened(
            self._instance.new_key(),
            token.id,
            catch.event_id,
            kind,
            name,
            key,
            catch.interrupting,
            token.chunk_key,
        )

    def _correlation_key(self, token: Token, catch: Catch, event: MessageEvent) -> str:
        assert event.correlation_key is not None  # noqa: S101
        what = f"correlation key of '{catch.event_id}'"
        scope = token if catch.target is token.task_spec or catch.role == "event-sub-process" else token.scope
        value = v.evaluate_as(
            "text or a number", (str, int, Decimal), event.correlation_key, scope, what, "EXTRACT_VALUE_ERROR"
        )
        return str(feel.to_json(value))

    def _schedule(self, token: Token, catch: Catch, event: TimerEvent) -> events.TimerScheduled | None:
        due, repetitions = _first_due(token, event, self._local(self._instance.now))
        if due is None:
            return None
        return events.TimerScheduled(
            self._instance.new_key(), token.id, catch.event_id, due, repetitions, token.chunk_key
        )

    def close(self, token: Token) -> None:
        """Ends everything that this token waits for."""
        element = token.task_spec
        catches = [*element.catches.values()]
        if element.own_catch is not None:
            catches.append(element.own_catch)
        self._close(token, catches, None)

    def _close(self, token: Token, catches: Iterable[Catch], event_ids: tuple[str, ...] | None) -> None:
        kinds = [catch.event for catch in catches]
        if any(isinstance(event, TimerEvent) for event in kinds):
            self._instance.emit(events.TimersCanceled(token.id, event_ids))
        if any(isinstance(event, SUBSCRIBED) for event in kinds):
            self._instance.emit(events.SubscriptionsClosed(token.id, event_ids))
        self._instance.conditions.closed(token, event_ids)

    def close_event_sub_processes(self, scope: Token) -> None:
        """An interrupting event sub-process has taken over: no other one of this scope can start."""
        catches = [catch for catch in scope.task_spec.catches.values() if catch.role == "event-sub-process"]
        self._close(scope, catches, tuple(catch.event_id for catch in catches))

    # --- what comes -------------------------------------------------------------------------------------

    def trigger(self, token: Token, event_id: str, values: Mapping[str, Any]) -> None:
        """What was awaited is here.

        Raises:
            WrongState: the token does not wait for this event (any more).
        """
        catch = self._find(token, event_id)
        self._instance.emit(events.EventTriggered(token.id, event_id))
        if catch.role == "own":
            token.task_spec.finish(token, values)
        elif catch.role == "gateway":
            token.task_spec.leave_by(token, catch.target, values)
        elif catch.role == "boundary":
            self.enter_boundary(token, catch, values)
        else:
            self.enter_event_sub_process(token, catch, values)

    def _find(self, token: Token, event_id: str) -> Catch:
        element = token.task_spec
        own = element.own_catch
        catch = own if own is not None and own.event_id == event_id else element.catches.get(event_id)
        begun = Phase.SUBSCRIBE < token.phase < Phase.END_LISTENERS and not token.recall("ending")
        taken_over = catch is not None and catch.role == "event-sub-process" and token.recall("taken-over")
        if catch is None or not begun or taken_over or (catch.role == "own" and token.phase != Phase.WAITING):
            message = f"Expected '{element.element_id}' to wait for '{event_id}', but it does not"
            raise WrongState(message)
        return catch

    def enter_boundary(self, host: Token, catch: Catch, values: Mapping[str, Any]) -> Token:
        """Starts a boundary event; an interrupting one ends its host first."""
        scope = host.scope
        if catch.interrupting:
            self._instance.terminate(host)
        if host.recall("ending"):
            token = self._instance.enter(catch.target, scope, after=(host,))
            token.remember("values", json.dumps(values) if values else None)
            return token
        token = self._instance.enter(catch.target, scope)
        catch.target.take_results(token, values)
        return token

    def enter_event_sub_process(self, scope: Token, catch: Catch, values: Mapping[str, Any]) -> Token:
        """Starts an event sub-process; an interrupting one ends everything else in its scope first."""
        if catch.interrupting:
            for child in scope.children:
                self._instance.terminate(child)
            self.close_event_sub_processes(scope)
            scope.remember("taken-over", 1)
        token = self._instance.enter(catch.target, scope, after=scope.children if catch.interrupting else ())
        token.remember("values", json.dumps(values) if values else None)
        return token

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._instance.context.zone)

    def fire_timer(self, token: Token, command: FireTimer) -> None:
        """A timer is due; a cycle is scheduled anew from when it was due."""
        catch = self._find(token, command.event_id)
        again = None
        assert isinstance(catch.event, TimerEvent)  # noqa: S101
        if not catch.interrupting and catch.event.kind == "cycle" and command.repetitions != 0:
            again = _next_due(token, catch.event, self._local(command.due_at), command.repetitions)
        self._instance.emit(events.TimersCanceled(token.id, (command.event_id,)))
        if again is not None:
            due, left = again
            self._instance.emit(
                events.TimerScheduled(self._instance.new_key(), token.id, command.event_id, due, left, token.chunk_key)
            )
        self.trigger(token, command.event_id, {})


def _timer_text(token: Token, event: TimerEvent) -> str:
    value = v.evaluate(event.value, token, f"timer {event.kind}", "EXTRACT_VALUE_ERROR")
    plain = v.to_json(value, f"timer {event.kind}", "EXTRACT_VALUE_ERROR")
    if not isinstance(plain, str):
        found = "null" if plain is None else type(plain).__name__
        message = (
            f"Expected timer {event.kind} '{event.value.source}' to be a date, duration or text, but found {found}"
        )
        raise Stuck("EXTRACT_VALUE_ERROR", message)
    return plain


def _first_due(token: Token, event: TimerEvent, now: datetime) -> tuple[datetime | None, int | None]:
    text = _timer_text(token, event)
    try:
        if event.kind == "date":
            return timers.parse_date(text), 0
        if event.kind == "duration":
            return timers.parse_duration(text).after(now), 0
        cycle = timers.parse_cycle(text)
    except InvalidInput as error:
        raise Stuck("EXTRACT_VALUE_ERROR", error.message) from error
    if cycle.repetitions == 0:
        return None, 0
    return cycle.first(now), None if cycle.repetitions is None else cycle.repetitions - 1


def _next_due(
    token: Token, event: TimerEvent, due: datetime, repetitions: int | None
) -> tuple[datetime, int | None] | None:
    try:
        following = timers.parse_cycle(_timer_text(token, event)).following(due)
    except (Stuck, InvalidInput):
        return None  # the expression no longer gives a cycle: this was its last turn
    if following is None:
        return None
    return following, None if repetitions is None else repetitions - 1
