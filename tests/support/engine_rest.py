"""Camunda 7's REST API in tests: calls below ``/engine-rest``, and processes of that dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.rest import Answer, Rest

BASE = "/engine-rest"
TOPIC = "charge"
HEAD = (
    '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:modeler="http://camunda.org/schema/modeler/1.0"'
    ' modeler:executionPlatform="Camunda Platform" modeler:executionPlatformVersion="7.24.0">'
    '<bpmn:message id="m" name="paid"/>'
    '<bpmn:error id="err" errorCode="declined"/><bpmn:process id="p" name="Pay" isExecutable="true">'
)


def flows(*pairs: tuple[str, str]) -> str:
    return "".join(f'<bpmn:sequenceFlow id="{a}_{b}" sourceRef="{a}" targetRef="{b}"/>' for a, b in pairs)


def process(inner: str) -> bytes:
    return f'{HEAD}<bpmn:startEvent id="s"/>{inner}<bpmn:endEvent id="e"/></bpmn:process></bpmn:definitions>'.encode()


SERVICE = process(
    f'<bpmn:serviceTask id="t" camunda:type="external" camunda:topic="{TOPIC}"/>'
    '<bpmn:boundaryEvent id="b" attachedToRef="t"><bpmn:errorEventDefinition errorRef="err"/></bpmn:boundaryEvent>'
    '<bpmn:userTask id="declined"/>' + flows(("s", "t"), ("t", "e"), ("b", "declined"), ("declined", "e"))
)
USER = process(
    '<bpmn:userTask id="check" name="Check" camunda:candidateGroups="clerks"'
    ' camunda:formKey="embedded:app:check.html"/>' + flows(("s", "check"), ("check", "e"))
)
MESSAGE = process(
    '<bpmn:intermediateCatchEvent id="wait"><bpmn:messageEventDefinition messageRef="m"/></bpmn:intermediateCatchEvent>'
    + flows(("s", "wait"), ("wait", "e"))
)


class Engine:
    """Calls below ``/engine-rest``."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    def get(self, path: str, **kwargs: Any) -> Answer:
        return self.rest.get(BASE + path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Answer:
        return self.rest.post(BASE + path, body, **kwargs)

    def deploy(self, *files: tuple[str, bytes], **fields: str) -> Answer:
        """As the Modeler does: each file in a field of its name."""
        parts = [f'; name="{name.replace("_", "-")}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
        parts += [f'; name="{name}"; filename="{name}"\r\n\r\n'.encode() + data for name, data in files]
        body = b"".join(b"--frontier\r\nContent-Disposition: form-data" + part + b"\r\n" for part in parts)
        kind = "multipart/form-data; boundary=frontier"
        return self.post("/deployment/create", data=body + b"--frontier--\r\n", content_type=kind)

    def start(self, **body: Any) -> str:
        answer = self.post("/process-definition/key/p/start", body)
        assert answer.status == 200, answer.body
        key: str = answer["id"]
        return key

    def fetch(self, worker: str = "w", **more: Any) -> list[dict[str, Any]]:
        topic = {"topicName": TOPIC, "lockDuration": 60_000, **more.pop("topic", {})}
        answer = self.post(
            "/external-task/fetchAndLock", {"workerId": worker, "maxTasks": 10, "topics": [topic], **more}
        )
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.body
        return found


def is_error(answer: Answer, status: int, text: str) -> None:
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert sorted(set(answer.body) - {"details"}) == ["code", "message", "type"]
    assert text in answer["message"]
