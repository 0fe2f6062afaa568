"""Event definitions: what an event waits for or throws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from bpm_server.bpmn import namespaces as ns
from bpm_server.bpmn.model import (
    CancelEvent,
    CompensateEvent,
    ErrorEvent,
    EscalationEvent,
    Event,
    LinkEvent,
    MessageEvent,
    NodeType,
    SignalEvent,
    TerminateEvent,
    TimerEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml.etree import _Element

    from bpm_server.bpmn.model import ConditionalEvent
    from bpm_server.bpmn.reading import Reading
    from bpm_server.bpmn.values import Value

EVENT_TYPES = frozenset(
    {
        NodeType.START_EVENT,
        NodeType.END_EVENT,
        NodeType.CATCH_EVENT,
        NodeType.THROW_EVENT,
        NodeType.BOUNDARY_EVENT,
    }
)
TIMER_KINDS: dict[str, Literal["date", "duration", "cycle"]] = {
    "timeDate": "date",
    "timeDuration": "duration",
    "timeCycle": "cycle",
}


class EventExtensions(Protocol):
    """What a dialect adds to event definitions."""

    def correlation_key(self, message: _Element) -> Value | None:
        """Key by which the message finds its instance."""
        ...

    def error(self, definition: _Element, event: ErrorEvent) -> ErrorEvent:
        """Adds variables for code and message."""
        ...

    def escalation(self, definition: _Element, event: EscalationEvent) -> EscalationEvent:
        """Adds the variable for the code."""
        ...

    def conditional(self, definition: _Element) -> ConditionalEvent:
        """Reads the condition and its filters."""
        ...


def read_event(reading: Reading, extensions: EventExtensions, element: _Element, kind: NodeType) -> Event | None:
    """The event definition of an event or receive task; None for a none event or another element."""
    if kind is NodeType.RECEIVE_TASK:
        return _message(reading, extensions, element)
    if kind not in EVENT_TYPES:
        return None
    definitions = [child for child in element if ns.split(child.tag)[1].endswith("EventDefinition")]
    for reference in ns.children(element, "eventDefinitionRef"):
        found = reading.roots.get((reference.text or "").strip().rpartition(":")[2])
        if found is not None:
            definitions.append(found)
    if not definitions:
        return None
    if len(definitions) > 1:
        reading.error(
            "several-event-definitions", element,
            f"Expected one event definition, but found {len(definitions)}",
            "Draw one event for each; an event-based gateway waits for the first of several.",
        )  # fmt: skip
    return _read_definition(reading, extensions, definitions[0], element)


def _read_definition(
    reading: Reading, extensions: EventExtensions, definition: _Element, element: _Element
) -> Event | None:
    local = ns.split(definition.tag)[1]
    readers: dict[str, Callable[[], Event | None]] = {
        "messageEventDefinition": lambda: _message(reading, extensions, definition),
        "timerEventDefinition": lambda: _timer(reading, definition, element),
        "signalEventDefinition": lambda: _signal(reading, definition),
        "errorEventDefinition": lambda: _error(reading, extensions, definition),
        "escalationEventDefinition": lambda: _escalation(reading, extensions, definition),
        "conditionalEventDefinition": lambda: extensions.conditional(definition),
        "linkEventDefinition": lambda: _link(reading, definition, element),
        "compensateEventDefinition": lambda: CompensateEvent(
            definition.get("activityRef"), definition.get("waitForCompletion", "true") != "false"
        ),
        "terminateEventDefinition": TerminateEvent,
        "cancelEventDefinition": CancelEvent,
    }
    reader = readers.get(local)
    if reader is None:
        reading.error("unsupported-event", element, f"Expected a supported event, but found bpmn:{local}")
        return None
    return reader()


def _message(reading: Reading, extensions: EventExtensions, element: _Element) -> MessageEvent | None:
    message = reading.root(element, "messageRef", "message")
    if message is None:
        return None
    name = reading.required(message.get("name"), message, "a name of the message")
    return MessageEvent(name, extensions.correlation_key(message))


def _timer(reading: Reading, definition: _Element, element: _Element) -> TimerEvent | None:
    for local, kind in TIMER_KINDS.items():
        text = ns.text_of(ns.child(definition, local))
        if text is not None:
            return TimerEvent(kind, reading.required(text, element, f"a {local}"))
    reading.error(
        "timer-missing", element, "Expected a date, duration or cycle of the timer, but found none",
        "Set the timer type and its value in the properties panel.",
    )  # fmt: skip
    return None


def _signal(reading: Reading, definition: _Element) -> SignalEvent | None:
    signal = reading.root(definition, "signalRef", "signal")
    if signal is None:
        reading.error("reference-missing", definition, "Expected a signal, but the event names none")
        return None
    return SignalEvent(reading.required(signal.get("name"), signal, "a name of the signal"))


def _error(reading: Reading, extensions: EventExtensions, definition: _Element) -> ErrorEvent:
    error = reading.root(definition, "errorRef", "error")
    if error is None:
        return extensions.error(definition, ErrorEvent())
    code = error.get("errorCode") or (error.get("id") if reading.dialect == "camunda7" else None)
    event = ErrorEvent(reading.value(code, error, "error code"), error.get(f"{{{ns.CAMUNDA}}}errorMessage"))
    return extensions.error(definition, event)


def _escalation(reading: Reading, extensions: EventExtensions, definition: _Element) -> EscalationEvent:
    escalation = reading.root(definition, "escalationRef", "escalation")
    if escalation is None:
        return extensions.escalation(definition, EscalationEvent())
    code = reading.value(escalation.get("escalationCode"), escalation, "escalation code")
    return extensions.escalation(definition, EscalationEvent(code))


def _link(reading: Reading, definition: _Element, element: _Element) -> LinkEvent:
    name = definition.get("name") or element.get("name") or ""
    if not name:
        reading.error("link-name", element, "Expected a name of the link, but found none")
    return LinkEvent(name)
