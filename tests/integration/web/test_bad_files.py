"""Wrong files at the Deploy button: refused with findings that name file, element and place; nothing is kept."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tests.support.bpmn_builder import HEADER, Process, extensions
from tests.support.worlds import two_tasks

if TYPE_CHECKING:
    from tests.support.worlds import World

GOOD = two_tasks("fine")
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><lolz>&c;</lolz>'
)
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'
DMN = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="D" namespace="http://e.org">
  <decision id="level" name="Level"><decisionTable id="t"><input id="i">
  <inputExpression id="ie"><text>amount</text></inputExpression></input><output id="o" name="level"/>
  <rule id="r1"><inputEntry id="c1"><text>&gt; </text></inputEntry><outputEntry id="c2"><text>"x"</text></outputEntry>
  </rule></decisionTable></decision></definitions>"""


def mapped(source: str) -> bytes:
    """A user task whose input has an expression."""
    p = Process("fine")
    mapping = f'<zeebe:ioMapping><zeebe:input source="{source}" target="x"/></zeebe:ioMapping>'
    p.path(p.start(), p.user("review", extra=mapping), p.end())
    return p.xml()


FILES = [
    pytest.param("a.bpmn", GOOD[: len(GOOD) // 2], "xml-syntax", id="cut off"),
    pytest.param("a.bpmn", GOOD.replace(b"</bpmn:process>", b"</bpmn:proces>"), "xml-syntax", id="wrong end tag"),
    pytest.param("a.bpmn", LAUGHS, "xml-doctype", id="billion laughs"),
    pytest.param("a.bpmn", OUTSIDE, "xml-doctype", id="external entity"),
    pytest.param("a.bpmn", OUTSIDE.decode().encode("utf-16"), "xml-doctype", id="external entity in UTF-16"),
    pytest.param("a.dmn", LAUGHS, "xml-doctype", id="billion laughs as DMN"),
    pytest.param("a.bpmn", gzip.compress(GOOD), "xml-syntax", id="compressed"),
    pytest.param("a.bpmn", b"\0" * 1_000, "xml-syntax", id="zeros"),
    pytest.param("a.bpmn", GOOD.replace(b"UTF-8", b"klingon"), "xml-syntax", id="unknown encoding"),
    pytest.param("a.bpmn", b"<a>" * 100_000 + b"</a>" * 100_000, "xml-syntax", id="100,000 levels"),
    pytest.param("a.bpmn", GOOD.replace(b"bpmn:userTask", b"bpmn:wishTask"), None, id="unknown element"),
    pytest.param("a.bpmn", GOOD.replace(b'targetRef="b"', b'targetRef="nowhere"'), None, id="flow to nowhere"),
    pytest.param("a.bpmn", GOOD.replace(b'id="b"', b'id="a"'), None, id="an id twice"),
    pytest.param("a.bpmn", mapped("=amount +"), None, id="FEEL ends too early"),
    pytest.param("a.bpmn", mapped("=if x then"), None, id="FEEL half an if"),
    pytest.param("a.bpmn", mapped("=&quot;open"), None, id="FEEL open quotes"),
    pytest.param("a.dmn", DMN.encode(), None, id="a cell that is no unary test"),
    pytest.param("a.dmn", DMN.replace("amount<", "amount +<").encode(), None, id="an input that is no expression"),
    pytest.param("a.form", b'{"id": "f", "components": [], "components": 5}', None, id="form: components are no list"),
    pytest.param("a.form", b"\xff\xfe", "form-json", id="form in another encoding"),
]


@pytest.mark.parametrize(("name", "content", "rule"), FILES)
def test_a_wrong_file_beside_a_good_one_keeps_both_out(
    world: World, name: str, content: bytes, rule: str | None
) -> None:
    with world.unchanged():
        answer = world.refused(world.rest.upload(("good.bpmn", GOOD), (name, content)))
    assert answer["code"] == "refused_file"
    errors = [one for one in answer["findings"] if one["severity"] == "error"]
    assert errors[0]["file"] == name
    assert rule is None or errors[0]["rule"] == rule, errors
    of_the_whole_file = errors[0]["rule"].startswith(("xml-", "form-"))
    assert of_the_whole_file or errors[0]["element"] or errors[0]["line"], errors


@pytest.mark.parametrize(
    ("source", "column"), [("=amount +", 9), ("=1 + * 2", 5), ("=if x then", 10), ("=a.b.", 5), ("=[1, 2", 6)]
)
def test_feel_errors_name_element_and_column(world: World, source: str, column: int) -> None:
    """Columns count from 1, after the equals sign."""
    with world.unchanged():
        (finding,) = world.refused(world.rest.upload(("a.bpmn", mapped(source))))["findings"]
    assert (finding["element"], finding["severity"]) == ("review", "error")
    assert f"line 1, column {column}" in finding["message"], finding["message"]


def test_twenty_megabytes_are_refused(world: World) -> None:
    large = GOOD.replace(b"</bpmn:definitions>", b" " * 20_000_000 + b"</bpmn:definitions>")
    with world.unchanged():
        answer = world.refused(world.rest.upload(("large.bpmn", large)), 413)
    assert str(world.bpm.server.settings.upload_limit) in answer["detail"]


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\nContent-Disposition: form-data", "multipart/form-data; boundary=x"),
        (b"--y--\r\n", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data"),
        (b'{"resources": []}', "application/json"),
        (GOOD, "text/xml"),
        (b'--x\r\nContent-Disposition: form-data; name="resources"\r\n\r\nno file\r\n--x--\r\n',
         "multipart/form-data; boundary=x"),
    ],
)  # fmt: skip
def test_a_broken_form_is_refused(world: World, data: bytes, content_type: str) -> None:
    with world.unchanged():
        answer = world.rest.call("POST", "/v2/deployments", data=data, content_type=content_type)
        assert answer.status in (400, 415), answer.body
        world.refused(answer, answer.status)


@pytest.mark.parametrize("name", ["a\0.bpmn", "x" * 600 + ".bpmn"])
def test_names_of_files_have_limits(world: World, name: str) -> None:
    with world.unchanged():
        world.refused(world.rest.upload((name, GOOD)))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Werkzeug leaves files to the collector
def test_a_thousand_files_are_too_many(world: World) -> None:
    with world.unchanged():
        world.refused(world.rest.upload(*[(f"{n}.txt", b"x") for n in range(1_001)]), 413)


def test_a_file_without_a_process_that_can_run(world: World) -> None:
    drawing = GOOD.replace(b'isExecutable="true"', b'isExecutable="false"')
    with world.unchanged():
        world.refused(world.rest.upload(("a.bpmn", drawing)))
        world.refused(world.rest.upload(("a.bpmn", f"{HEADER}</bpmn:definitions>".encode())))


def test_a_called_process_may_be_missing_until_it_is_called(world: World) -> None:
    """It is bound at run time; then its absence is an incident that a person resolves after deploying it."""
    p = Process("caller")
    called = extensions('<zeebe:calledElement processId="called" propagateAllChildVariables="false"/>')
    p.path(p.start(), p.add("callActivity", "call", called), p.end())
    assert world.rest.upload(("caller.bpmn", p.xml())).status == 200
    key = world.rest.post("/v2/process-instances", {"processDefinitionId": "caller"})["processInstanceKey"]
    world.bpm.deliver()
    (incident,) = world.rest.search("incidents", filter={"processInstanceKey": key})
    assert (incident["elementId"], incident["state"], incident["errorType"]) == (
        "call",
        "ACTIVE",
        "CALLED_ELEMENT_ERROR",
    )
    assert "'called'" in incident["errorMessage"]
    assert world.rest.upload(("called.bpmn", two_tasks("called"))).status == 200
    assert world.rest.post(f"/v2/incidents/{incident['incidentKey']}/resolution").status == 204
    world.bpm.deliver()
    assert world.rest.search("process-instances", filter={"parentProcessInstanceKey": key})[0]["state"] == "ACTIVE"
