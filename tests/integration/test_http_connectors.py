"""HTTP out of processes: Camunda 7's http-connector and Camunda 8's REST connector, against a real server."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from bpm_server.store.tables.instances import incident
from tests.support.bpmn_builder import Process, event, extensions, io

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.product import Product


class Server:
    """Answers what a test has prepared, and remembers what came."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.seen.append(
                    {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body.decode()}
                )
                status, headers, data = outer.answers.pop(0)
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def will_answer(self, status: int, value: Any = None, **headers: str) -> None:
        data = b"" if value is None else json.dumps(value).encode()
        self.answers.append((status, {"content-type": "application/json", **headers}, data))

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def erp() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def open_bpm(bpm: Product) -> Product:
    """The product where calls to this machine are allowed."""
    return bpm.with_settings(allow_loopback_webhooks=True)


def rest_process(inputs: dict[str, str], headers: dict[str, str]) -> bytes:
    process = Process()
    process.start("s")
    named = "".join(f'<zeebe:header key="{key}" value="{value}"/>' for key, value in headers.items())
    task = '<zeebe:taskDefinition type="io.camunda:http-json:1"/>'
    process.add("serviceTask", "call", extensions(task, io(inputs), f"<zeebe:taskHeaders>{named}</zeebe:taskHeaders>"))
    process.boundary("caught", "call", event("error", errorRef=process.error("no", "NO_CREDIT")))
    process.path("s", "call", process.user("after"), process.end("e"))
    process.path("caught", process.user("mend"), process.end("mended"))
    return process.xml()


def test_a_rest_call_sends_its_inputs_and_maps_the_answer(open_bpm: Product, erp: Server) -> None:
    inputs = {
        "method": "POST",
        "url": f'="{erp.url}/orders?x=1"',
        "body": "={number: order, amount: 12.50}",
        "headers.X-Trace": "t1",
        "queryParameters": '={page: 2, "a b": "c&amp;d"}'.replace("&amp;", "&"),
        "authentication.type": "bearer",
        "authentication.token": "secret",
    }
    headers = {"resultVariable": "all", "resultExpression": "={id: response.body.id, status: response.status}"}
    open_bpm.deploy(rest_process(inputs, headers))
    key = open_bpm.start(order="o1")
    erp.will_answer(201, {"id": 7})
    open_bpm.deliver()
    (seen,) = erp.seen
    assert (seen["method"], seen["path"]) == ("POST", "/orders?x=1&page=2&a+b=c%26d")
    assert json.loads(seen["body"]) == {"number": "o1", "amount": 12.5}
    sent = {name.lower(): value for name, value in seen["headers"].items()}
    assert (sent["x-trace"], sent["authorization"]) == ("t1", "Bearer secret")
    assert open_bpm.open_tasks() == ["after"]
    found = open_bpm.variables(key)
    assert (found["id"], found["status"], found["all"]["body"]) == (7, 201, {"id": 7})


def test_an_error_expression_throws_what_the_process_catches(open_bpm: Product, erp: Server) -> None:
    expression = "=if error.code = &quot;409&quot; then bpmnError(&quot;NO_CREDIT&quot;, &quot;no&quot;) else null"
    open_bpm.deploy(rest_process({"url": f'="{erp.url}/"'}, {"errorExpression": expression}))
    open_bpm.start()
    erp.will_answer(409)
    open_bpm.deliver()
    assert open_bpm.open_tasks() == ["mend"]


def test_refusals_stop_the_job_and_busy_answers_are_tried_again(open_bpm: Product, erp: Server) -> None:
    open_bpm.deploy(rest_process({"url": f'="{erp.url}/?access_token=s3cret"'}, {}))
    open_bpm.start()
    erp.will_answer(503, **{"retry-after": "0"})
    erp.will_answer(404)
    open_bpm.deliver()
    open_bpm.deliver()
    assert [one["method"] for one in erp.seen] == ["GET", "GET"]
    (message,) = open_bpm.scalars(sa.select(incident.c.message))
    assert "found status 404" in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"url": "file:///etc/passwd"}, "Expected an https URL"),
        ({"url": "https://10.0.0.1/"}, "calls must not reach"),
        ({"method": "BREW", "url": "https://example.org"}, "found .*'BREW'"),
        ({"url": "https://example.org", "body": "{{secrets.TOKEN}}"}, "resolves no secrets"),
        ({"url": "https://example.org", "authentication.type": "oauth-client-credentials-flow"}, "found 'oauth"),
        (
            {"url": "https://example.org", "queryParameters": "=[1]"},
            "Expected query parameters as an object, but found list",
        ),
    ],
)
def test_wrong_inputs_are_an_incident_that_says_why(bpm: Product, inputs: dict[str, str], reason: str) -> None:
    bpm.deploy(rest_process(inputs, {}))
    bpm.start()
    bpm.deliver()
    (message,) = bpm.scalars(sa.select(incident.c.message))
    assert re.search(reason, message), message


CAMUNDA7 = """<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t"
 xmlns:camunda="http://camunda.org/schema/1.0/bpmn"><bpmn:process id="p" isExecutable="true"><bpmn:startEvent id="s"/>
 <bpmn:sequenceFlow id="f1" sourceRef="s" targetRef="call"/><bpmn:serviceTask id="call"><bpmn:extensionElements>
 <camunda:connector><camunda:connectorId>http-connector</camunda:connectorId><camunda:inputOutput>
 <camunda:inputParameter name="url">%s/rate?of=${currency}</camunda:inputParameter>
 <camunda:inputParameter name="method">PUT</camunda:inputParameter>
 <camunda:inputParameter name="headers"><camunda:map>
 <camunda:entry key="Accept">text/plain</camunda:entry></camunda:map></camunda:inputParameter>
 <camunda:inputParameter name="payload">amount=${amount}</camunda:inputParameter>
 <camunda:outputParameter name="answer">${statusCode}: ${response}</camunda:outputParameter>
 </camunda:inputOutput></camunda:connector></bpmn:extensionElements></bpmn:serviceTask>
 <bpmn:sequenceFlow id="f2" sourceRef="call" targetRef="e"/><bpmn:endEvent id="e"/></bpmn:process></bpmn:definitions>"""


def test_camunda_7s_http_connector(open_bpm: Product, erp: Server) -> None:
    open_bpm.deploy((CAMUNDA7 % erp.url).encode())
    key = open_bpm.start(currency="CNY", amount=3)
    erp.will_answer(404, "none")
    open_bpm.deliver()
    (seen,) = erp.seen
    assert (seen["method"], seen["path"], seen["body"]) == ("PUT", "/rate?of=CNY", "amount=3")
    assert open_bpm.state(key) == "COMPLETED"
    assert open_bpm.variables(key) == {"currency": "CNY", "amount": 3, "answer": '404: "none"'}
