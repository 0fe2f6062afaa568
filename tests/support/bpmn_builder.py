"""BPMN files in a few lines: ``Process("p").start().user("a").end().xml()``; anything else as raw elements."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" xmlns:modeler="http://camunda.org/schema/modeler/1.0" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="definitions" targetNamespace="http://example.org" '
    'modeler:executionPlatform="Camunda Cloud" modeler:executionPlatformVersion="8.8.0">'
)


CAMUNDA7_HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:modeler="http://camunda.org/schema/modeler/1.0" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" id="definitions" targetNamespace="http://example.org" '
    'modeler:executionPlatform="Camunda Platform" modeler:executionPlatformVersion="7.24.0">'
)


def extensions(*parts: str) -> str:
    """An ``extensionElements`` block, empty text where there is nothing in it."""
    inner = "".join(part for part in parts if part)
    return f"<bpmn:extensionElements>{inner}</bpmn:extensionElements>" if inner else ""


def io(inputs: dict[str, str] | None = None, outputs: dict[str, str] | None = None) -> str:
    """``zeebe:ioMapping`` from target to source."""
    rows = [f"<zeebe:input source={quoteattr(s)} target={quoteattr(t)}/>" for t, s in (inputs or {}).items()]
    rows += [f"<zeebe:output source={quoteattr(s)} target={quoteattr(t)}/>" for t, s in (outputs or {}).items()]
    return f"<zeebe:ioMapping>{''.join(rows)}</zeebe:ioMapping>" if rows else ""


def multi_instance(
    collection: str,
    element: str | None = None,
    *,
    sequential: bool = False,
    output: tuple[str, str] | None = None,
    until: str | None = None,
) -> str:
    """``multiInstanceLoopCharacteristics``; ``output`` is (collection, element expression)."""
    attributes = f"inputCollection={quoteattr(collection)}"
    if element:
        attributes += f" inputElement={quoteattr(element)}"
    if output:
        attributes += f" outputCollection={quoteattr(output[0])} outputElement={quoteattr(output[1])}"
    condition = f"<bpmn:completionCondition>{escape(until)}</bpmn:completionCondition>" if until else ""
    return (
        f'<bpmn:multiInstanceLoopCharacteristics isSequential="{str(sequential).lower()}">'
        f"{extensions(f'<zeebe:loopCharacteristics {attributes}/>')}{condition}"
        "</bpmn:multiInstanceLoopCharacteristics>"
    )


def event(kind: str, body: str = "", **attributes: str) -> str:
    """An event definition: ``event("timer", "<bpmn:timeDuration>PT1H</bpmn:timeDuration>")``."""
    text = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<bpmn:{kind}EventDefinition{text}>{body}</bpmn:{kind}EventDefinition>"


def timer(kind: str, text: str) -> str:
    """A timer event definition: kind ``Duration``, ``Date`` or ``Cycle``."""
    return event("timer", f'<bpmn:time{kind} xsi:type="bpmn:tFormalExpression">{escape(text)}</bpmn:time{kind}>')


class Scope:
    """A process or sub-process being written."""

    def __init__(self) -> None:
        self.elements: list[str] = []
        self.flow_count = 0

    def add(self, tag: str, id: str, body: str = "", **attributes: str) -> str:  # noqa: A002
        """Any element; returns its id."""
        text = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
        self.elements.append(f"<bpmn:{tag} id={quoteattr(id)}{text}>{body}</bpmn:{tag}>")
        return id

    def flow(self, source: str, target: str, condition: str | None = None, id: str | None = None) -> str:  # noqa: A002
        """A sequence flow ``f_<source>_<target>``."""
        key = id or f"f_{source}_{target}"
        body = ""
        if condition is not None:
            tag = "bpmn:conditionExpression"
            body = f'<{tag} xsi:type="bpmn:tFormalExpression">{escape(condition)}</{tag}>'
        self.add("sequenceFlow", key, body, sourceRef=source, targetRef=target)
        return key

    def path(self, *ids: str) -> None:
        """Flows along a row of elements."""
        for source, target in zip(ids, ids[1:], strict=False):
            self.flow(source, target)

    def start(self, id: str = "s", body: str = "", **attributes: str) -> str:  # noqa: A002
        """A start event."""
        return self.add("startEvent", id, body, **attributes)

    def end(self, id: str = "e", body: str = "") -> str:  # noqa: A002
        """An end event."""
        return self.add("endEvent", id, body)

    def user(self, id: str, body: str = "", extra: str = "") -> str:  # noqa: A002
        """A user task; ``extra`` are extension elements, ``body`` anything else."""
        return self.add("userTask", id, extensions("<zeebe:userTask/>", extra) + body)

    def service(self, id: str, type: str = "work", body: str = "", extra: str = "") -> str:  # noqa: A002
        """A service task."""
        return self.add("serviceTask", id, extensions(f"<zeebe:taskDefinition type={quoteattr(type)}/>", extra) + body)

    def script(self, id: str, expression: str, result: str, body: str = "", extra: str = "") -> str:  # noqa: A002
        """A FEEL script task."""
        script = f"<zeebe:script expression={quoteattr(expression)} resultVariable={quoteattr(result)}/>"
        return self.add("scriptTask", id, extensions(script, extra) + body)

    def boundary(self, id: str, host: str, body: str, *, interrupting: bool = True) -> str:  # noqa: A002
        """A boundary event."""
        return self.add("boundaryEvent", id, body, attachedToRef=host, cancelActivity=str(interrupting).lower())

    def sub(self, id: str, inner: Scope, body: str = "", *, by_event: bool = False) -> str:  # noqa: A002
        """A sub-process holding ``inner``."""
        attributes = {"triggeredByEvent": "true"} if by_event else {}
        return self.add("subProcess", id, body + "".join(inner.elements), **attributes)


class Process(Scope):
    """A whole file: a process, those beside it, and the root elements they need."""

    header = HEADER

    def __init__(self, id: str = "p", name: str | None = None) -> None:  # noqa: A002
        super().__init__()
        self.id = id
        self.name = name
        self.roots: list[str] = []
        self.beside: list[Process] = []

    def another(self, id: str) -> Process:  # noqa: A002
        """One more process in this file."""
        other = Process(id)
        self.beside.append(other)
        return other

    def message(self, id: str, name: str, key: str | None = None) -> str:  # noqa: A002
        """A message; ``key`` is the correlation key expression."""
        inner = extensions(f"<zeebe:subscription correlationKey={quoteattr(key)}/>") if key else ""
        self.roots.append(f"<bpmn:message id={quoteattr(id)} name={quoteattr(name)}>{inner}</bpmn:message>")
        return id

    def error(self, id: str, code: str) -> str:  # noqa: A002
        """An error."""
        self.roots.append(f"<bpmn:error id={quoteattr(id)} name={quoteattr(code)} errorCode={quoteattr(code)}/>")
        return id

    def escalation(self, id: str, code: str) -> str:  # noqa: A002
        """An escalation."""
        self.roots.append(
            f"<bpmn:escalation id={quoteattr(id)} name={quoteattr(code)} escalationCode={quoteattr(code)}/>"
        )
        return id

    def signal(self, id: str, name: str) -> str:  # noqa: A002
        """A signal."""
        self.roots.append(f"<bpmn:signal id={quoteattr(id)} name={quoteattr(name)}/>")
        return id

    def xml(self) -> bytes:
        """The file."""
        processes = "".join(process._element() for process in (self, *self.beside))
        return f"{self.header}{''.join(self.roots)}{processes}</bpmn:definitions>".encode()

    def _element(self) -> str:
        name = f" name={quoteattr(self.name)}" if self.name else ""
        body = "".join(self.elements)
        return f'<bpmn:process id={quoteattr(self.id)}{name} isExecutable="true">{body}</bpmn:process>'


class Camunda7Process(Process):
    """A file in the Camunda 7 dialect."""

    header = CAMUNDA7_HEADER


def one_task(process_id: str = "p") -> bytes:
    """The shortest process that waits for somebody: start, user task ``a``, end."""
    p = Process(process_id)
    p.path(p.start(), p.user("a"), p.end())
    return p.xml()
